"""OAuth2's token requests: grants, clients and errors (https://datatracker.ietf.org/doc/html/rfc6749)."""

from __future__ import annotations

import hmac
import json

from flask import request

from taskdock.base.errors import (
    CallerError,
    MissingFields,
    NoClientCredentials,
    TaskdockError,
    UnknownClient,
    UnknownRefreshToken,
    UnsupportedGrant,
    WrongClientSecret,
    WrongPassword,
)
from taskdock.base.strict_json import Json
from taskdock.identity.account import Application, TokenKind
from taskdock.identity.directory import Directory
from taskdock.web.common import problems, requests
from taskdock.web.identity_api import token_json
from taskdock.web.identity_api.token_json import Grant, TokenPairJson


def grant(directory: Directory) -> TokenPairJson:
    """The tokens that the current request asks for. Raises `CallerError`: see `_ERRORS`."""
    asked = _asked()
    application = _client(directory, asked)
    if asked.grant_type == "password":
        if asked.username is None or asked.password is None:
            raise MissingFields("the grant password needs username and password")
        with directory.accounts.authenticated(asked.username, asked.password) as user:
            refresh = directory.tokens.issue_refresh(user.id, application)
    elif asked.grant_type == "refresh_token":
        found = directory.tokens.look_up(TokenKind.REFRESH, asked.refresh_token or "")
        if found is None or found.application_id != application.id:
            raise UnknownRefreshToken
        refresh = found
    else:
        raise UnsupportedGrant
    return token_json.token_pair(directory.tokens.issue_access(refresh, application), refresh)


def _asked() -> Grant:
    """The request, as JSON (so the SDK sends it) or as a form (so RFC 6749 has it)."""
    if request.mimetype == "application/x-www-form-urlencoded":
        return requests.read(Grant, json.dumps(request.form.to_dict()).encode())
    return requests.read(Grant, request.get_data())


def _client(directory: Directory, asked: Grant) -> Application:
    """The application, by its credentials in the Authorization header or in the body."""
    basic = request.authorization if request.authorization else None
    if basic is not None and basic.type == "basic":
        client_id, secret = basic.username, basic.password
    else:
        client_id, secret = asked.client_id, asked.client_secret
    if not client_id:
        raise NoClientCredentials
    application = directory.tokens.client(client_id)
    if application is None:
        raise UnknownClient
    if secret and not _same(secret, application.client_secret):  # programs in browsers have none
        raise WrongClientSecret
    return application


def _same(given: str, kept: str) -> bool:
    """Takes as long for a nearly right text as for any other."""
    return hmac.compare_digest(given.encode(), kept.encode())


_ERRORS: dict[type[TaskdockError], str] = {
    WrongPassword: "invalid_grant",
    UnknownRefreshToken: "invalid_grant",
    UnknownClient: "invalid_client",
    WrongClientSecret: "invalid_client",
    UnsupportedGrant: "unsupported_grant_type",
}


def problem(error: CallerError) -> tuple[Json, int]:
    """Our answer with that of RFC 6749 in it, which OAuth2 libraries look for."""
    body, status = problems.answer(error)
    body["error"] = _ERRORS.get(type(error), "invalid_request")
    body["error_description"] = error.message
    return body, status
