"""/auth/v2: tokens of OAuth1 and OAuth2, and the applications that they are for."""

from __future__ import annotations

import hmac
import json
from typing import Any

from flask import Blueprint, request

from emulator.base.errors import (
    CallerError,
    MissingFields,
    NoApplication,
    NoClientCredentials,
    TaskdockError,
    UnknownClient,
    UnknownRefreshToken,
    UnsupportedGrant,
    WrongClientSecret,
    WrongPassword,
)
from emulator.base.timing.clock import to_iso
from emulator.identity.account import (
    Application,
    Token,
    TokenKind,
    may,
    require,
    require_power_over,
    require_user,
)
from emulator.identity.directory import Directory
from emulator.identity.tokens import ACCESS_LIFE
from emulator.tasks.model import checks
from emulator.web.access.authentication import caller
from emulator.web.common import listing, problems, requests
from emulator.web.identity_api import identity_json

Json = dict[str, Any]

_LISTS = {
    "/oauth1/tokens": TokenKind.OAUTH1,
    "/oauth2/tokens": TokenKind.ACCESS,
    "/oauth2/refreshTokens": TokenKind.REFRESH,
}


def auth(directory: Directory) -> Blueprint:
    auth = Blueprint("auth", __name__)
    accounts, tokens = directory.accounts, directory.tokens

    @auth.post("/oauth1/tokens")
    def create_oauth1() -> Json:
        wanted = requests.read(identity_json.Login, request.get_data())
        application = _application(directory)
        with accounts.authenticated(wanted.email, wanted.password) as user:
            token = tokens.issue_oauth1(user.id, application)
        return {**identity_json.token(token), "tokenSecret": token.secret}

    @auth.post("/oauth2/tokens")
    def create_oauth2() -> Json | tuple[Json, int]:
        try:
            return _grant(directory)
        except CallerError as error:
            return _oauth2_problem(error)

    @auth.get("/applications")
    def list_applications() -> Json:
        found = tokens.applications()
        return listing.answer(lambda _: (found, len(found)), identity_json.application)

    for path, kind in _LISTS.items():
        _add_list(auth, directory, path, kind)
    return auth


def _add_list(auth: Blueprint, directory: Directory, path: str, kind: TokenKind) -> None:
    """A list of tokens and their removal: one's own, or with a permission everybody's."""

    def find() -> Json:
        owner = _owner("VIEW_AUTHORIZATIONS")
        return listing.answer(
            lambda query: directory.tokens.find(kind, query, user_id=owner), identity_json.token
        )

    def remove(token_id: str) -> Json:
        owner = _owner("DELETE_AUTHORIZATIONS")
        account = caller()

        def judge(user_id: str) -> None:
            if not account.owns(user_id):
                require_power_over(account, directory.accounts.get(user_id).roles)

        directory.tokens.remove(kind, checks.object_id(token_id), user_id=owner, judge=judge)
        return {"affectedRecords": 1}

    auth.add_url_rule(path, f"find_{kind.value}", find)
    auth.add_url_rule(f"{path}/<token_id>", f"remove_{kind.value}", remove, methods=["DELETE"])


def _owner(permission: str) -> str | None:
    """Whose tokens the caller may see: all (None), or their own."""
    user_id = require_user(caller())
    if may(caller(), permission):
        return None
    if not caller().owns(user_id):
        require(caller(), permission)
    return user_id


def _application(directory: Directory) -> Application:
    """The one that signed the request. Raises `NoApplication`."""
    for application in directory.tokens.applications():
        if application.id == caller().application_id:
            return application
    raise NoApplication


def _grant(directory: Directory) -> Json:
    wanted = _wanted()
    application = _client(directory, wanted)
    if wanted.grant_type == "password":
        if wanted.username is None or wanted.password is None:
            raise MissingFields("the grant password needs username and password")
        with directory.accounts.authenticated(wanted.username, wanted.password) as user:
            refresh = directory.tokens.issue_refresh(user.id, application)
    elif wanted.grant_type == "refresh_token":
        found = directory.tokens.look_up(TokenKind.REFRESH, wanted.refresh_token or "")
        if found is None or found.application_id != application.id:
            raise UnknownRefreshToken
        refresh = found
    else:
        raise UnsupportedGrant
    return _pair(directory.tokens.issue_access(refresh, application), refresh)


def _pair(access: Token, refresh: Token) -> Json:
    """RFC 6749 says how this looks, so these names are not in camelCase."""
    return {
        "token_type": "bearer",
        "access_token": access.token,
        "expires_in": ACCESS_LIFE.total_seconds(),
        "refresh_token": refresh.token,
        "application_id": access.application_id,
        "user_id": access.user_id,
        "creation_timestamp": to_iso(access.creation_timestamp),
    }


def _wanted() -> identity_json.Grant:
    """The request, as JSON (so the SDK sends it) or as a form (so RFC 6749 has it)."""
    if request.mimetype == "application/x-www-form-urlencoded":
        return requests.read(identity_json.Grant, json.dumps(request.form.to_dict()).encode())
    return requests.read(identity_json.Grant, request.get_data())


def _client(directory: Directory, wanted: identity_json.Grant) -> Application:
    """The application, by its credentials in the Authorization header or in the body."""
    basic = request.authorization if request.authorization else None
    if basic is not None and basic.type == "basic":
        client_id, secret = basic.username, basic.password
    else:
        client_id, secret = wanted.client_id, wanted.client_secret
    if not client_id:
        raise NoClientCredentials
    application = directory.tokens.client(client_id)
    if application is None:
        raise UnknownClient
    if secret and not _same(secret, application.client_secret):  # programs in browsers have none
        raise WrongClientSecret
    return application


def _same(given: str, kept: str) -> bool:
    """In a time that does not tell how much of it is right."""
    return hmac.compare_digest(given.encode(), kept.encode())


_OAUTH2_ERRORS: dict[type[TaskdockError], str] = {
    WrongPassword: "invalid_grant",
    UnknownRefreshToken: "invalid_grant",
    UnknownClient: "invalid_client",
    WrongClientSecret: "invalid_client",
    UnsupportedGrant: "unsupported_grant_type",
}


def _oauth2_problem(error: CallerError) -> tuple[Json, int]:
    """Our answer with that of RFC 6749 in it, which OAuth2 libraries look for."""
    body, status = problems.answer(error)
    body["error"] = _OAUTH2_ERRORS.get(type(error), "invalid_request")
    body["error_description"] = error.message
    return body, status
