"""/auth/v2: tokens of OAuth1 and OAuth2, and the applications that they are for."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flask import request

from taskdock.base import errors
from taskdock.base.errors import (
    CallerError,
    NoApplication,
)
from taskdock.base.strict_json import Json
from taskdock.identity.account import (
    Application,
    Token,
    TokenKind,
    may,
    require,
    require_power_over,
    require_user,
)
from taskdock.identity.directory import Directory
from taskdock.identity.tokens import TOKEN_FIELDS
from taskdock.tasks.model import checks
from taskdock.web.access.authentication import caller
from taskdock.web.common import listing, requests
from taskdock.web.common.descriptions import BY_ID
from taskdock.web.common.endpoint import Endpoint, Gate, Page
from taskdock.web.common.listing import AffectedRecordsJson
from taskdock.web.identity_api import oauth2, token_json
from taskdock.web.identity_api.token_json import (
    AccessTokenJson,
    ApplicationJson,
    Grant,
    Login,
    OAuth1TokenJson,
    RefreshTokenJson,
    TokenPairJson,
)

_VIEW = "VIEW_AUTHORIZATIONS"
_DELETE = "DELETE_AUTHORIZATIONS"

endpoint = partial(Endpoint, tag="Tokens")


class TokenViews:
    """A list has one's own tokens, and with a permission everybody's; so has a removal."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    @endpoint(
        "POST",
        "/auth/v2/oauth1/tokens",
        permission=Gate.ANYONE,
        summary="Get an OAuth1 token; the request is signed with the consumer key alone",
        answer=OAuth1TokenJson,
        body=Login,
        example={"email": "ada@example.com", "password": "correct horse"},
        errors=(errors.NoApplication, errors.WrongPassword, errors.TooManySignIns),
    )
    def create_oauth1(self) -> OAuth1TokenJson:
        asked = requests.read(Login, request.get_data())
        application = _application(self._directory)
        with self._directory.accounts.authenticated(asked.email, asked.password) as user:
            token = self._directory.tokens.issue_oauth1(user.id, application)
        return token_json.oauth1_token(token, with_secret=True)

    @endpoint(
        "GET",
        "/auth/v2/oauth1/tokens",
        permission=Gate.USER,
        asks=(_VIEW,),
        summary="List OAuth1 tokens: one's own, or with VIEW_AUTHORIZATIONS everybody's",
        answer=Page(OAuth1TokenJson),
        query=TOKEN_FIELDS,
    )
    def find_oauth1(self) -> Json:
        return self._find(TokenKind.OAUTH1, token_json.oauth1_token)

    @endpoint(
        "DELETE",
        "/auth/v2/oauth1/tokens/<token_id>",
        permission=Gate.USER,
        asks=(_DELETE,),
        summary="Remove an OAuth1 token: one's own, or with DELETE_AUTHORIZATIONS anybody's",
        answer=AffectedRecordsJson,
        errors=BY_ID,
    )
    def remove_oauth1(self, token_id: str) -> AffectedRecordsJson:
        return self._remove(TokenKind.OAUTH1, token_id)

    @endpoint(
        "POST",
        "/auth/v2/oauth2/tokens",
        permission=Gate.ANYONE,
        summary="Get an OAuth2 access token: grants password and refresh_token",
        answer=TokenPairJson,
        body=Grant,
        form=True,
        example={
            "grantType": "password",
            "clientId": "the application's",
            "clientSecret": "the application's",
            "username": "ada@example.com",
            "password": "correct horse",
        },
        errors=(
            errors.WrongPassword,
            errors.UnknownRefreshToken,
            errors.UnsupportedGrant,
            errors.UnknownClient,
            errors.WrongClientSecret,
            errors.NoClientCredentials,
            errors.TooManySignIns,
        ),
    )
    def create_oauth2(self) -> TokenPairJson | tuple[Json, int]:
        try:
            return oauth2.grant(self._directory)
        except CallerError as error:
            return oauth2.problem(error)

    @endpoint(
        "GET",
        "/auth/v2/oauth2/tokens",
        permission=Gate.USER,
        asks=(_VIEW,),
        summary="List OAuth2 access tokens: one's own, or with VIEW_AUTHORIZATIONS everybody's",
        answer=Page(AccessTokenJson),
        query=TOKEN_FIELDS,
    )
    def find_access(self) -> Json:
        return self._find(TokenKind.ACCESS, token_json.access_token)

    @endpoint(
        "DELETE",
        "/auth/v2/oauth2/tokens/<token_id>",
        permission=Gate.USER,
        asks=(_DELETE,),
        summary="Remove an access token: one's own, or with DELETE_AUTHORIZATIONS anybody's",
        answer=AffectedRecordsJson,
        errors=BY_ID,
    )
    def remove_access(self, token_id: str) -> AffectedRecordsJson:
        return self._remove(TokenKind.ACCESS, token_id)

    @endpoint(
        "GET",
        "/auth/v2/oauth2/refreshTokens",
        permission=Gate.USER,
        asks=(_VIEW,),
        summary="List OAuth2 refresh tokens: one's own, or with VIEW_AUTHORIZATIONS everybody's",
        answer=Page(RefreshTokenJson),
        query=TOKEN_FIELDS,
    )
    def find_refresh(self) -> Json:
        return self._find(TokenKind.REFRESH, token_json.refresh_token)

    @endpoint(
        "DELETE",
        "/auth/v2/oauth2/refreshTokens/<token_id>",
        permission=Gate.USER,
        asks=(_DELETE,),
        summary="Remove a refresh token and its access tokens",
        answer=AffectedRecordsJson,
        errors=BY_ID,
    )
    def remove_refresh(self, token_id: str) -> AffectedRecordsJson:
        return self._remove(TokenKind.REFRESH, token_id)

    @endpoint(
        "GET",
        "/auth/v2/applications",
        permission="VIEW_APPLICATIONS",
        summary="List applications, with their credentials",
        answer=Page(ApplicationJson),
        errors=(errors.BadQuery,),
    )
    def list_applications(self) -> Json:
        found = self._directory.tokens.applications()
        return listing.answer(lambda _: (found, len(found)), token_json.application)

    def _find(self, kind: TokenKind, to_json: Callable[[Token], RefreshTokenJson]) -> Json:
        owner = _owner(_VIEW)
        tokens = self._directory.tokens
        return listing.answer(lambda query: tokens.find(kind, query, user_id=owner), to_json)

    def _remove(self, kind: TokenKind, token_id: str) -> AffectedRecordsJson:
        owner = _owner(_DELETE)
        account, accounts = caller(), self._directory.accounts

        def judge(user_id: str) -> None:
            if not account.owns(user_id):
                require_power_over(account, accounts.get(user_id).roles)

        tokens = self._directory.tokens
        tokens.remove(kind, checks.object_id(token_id), user_id=owner, judge=judge)
        return listing.affected()


def _owner(permission: str) -> str | None:
    """The user whose tokens the caller may see: the caller, or all users (None)."""
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
