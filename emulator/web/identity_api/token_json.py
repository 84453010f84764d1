"""Tokens and applications as requests have them and as answers show them.

Names in requests may be in either case, as in `identity_json`.
"""

from __future__ import annotations

from typing import Annotated, TypedDict

from pydantic import StrictStr

from taskdock.base.strict_json import IsoTime, ObjectId, SchemaPart, one_of, present
from taskdock.base.timing.clock import to_iso
from taskdock.identity.account import Application, Token
from taskdock.identity.tokens import ACCESS_LIFE
from taskdock.web.identity_api.identity_json import EitherCase


class Login(EitherCase):
    email: StrictStr
    password: StrictStr


class Grant(EitherCase):
    """An OAuth2 token request; RFC 6749 has its names in snake_case."""

    grant_type: StrictStr
    client_id: StrictStr | None = None
    client_secret: StrictStr | None = None
    username: StrictStr | None = None
    password: StrictStr | None = None
    refresh_token: StrictStr | None = None


class RefreshTokenJson(TypedDict):
    """The fields that tokens of all kinds have."""

    id: ObjectId
    applicationId: ObjectId
    userId: ObjectId
    lastUsedTimestamp: IsoTime
    creationTimestamp: IsoTime
    updateTimestamp: IsoTime


class OAuth1TokenJson(RefreshTokenJson):
    token: str
    tokenSecret: str | None


class AccessTokenJson(RefreshTokenJson):
    refreshTokenId: ObjectId
    expiryTimestamp: IsoTime


class TokenPairJson(TypedDict):
    """Not in camelCase: RFC 6749 has the names."""

    token_type: Annotated[str, one_of("bearer")]
    access_token: str
    expires_in: Annotated[float, SchemaPart(description="seconds")]
    refresh_token: str
    application_id: ObjectId
    user_id: ObjectId
    creation_timestamp: IsoTime


class ApplicationVersionJson(TypedDict):
    id: ObjectId
    name: str
    consumerKey: str
    consumerSecret: str
    clientId: str
    clientSecret: str
    creationTimestamp: IsoTime


class ApplicationJson(TypedDict):
    id: ObjectId
    name: str
    description: str
    type: Annotated[str, one_of("oauth1")]
    versions: list[ApplicationVersionJson]
    creationTimestamp: IsoTime
    updateTimestamp: IsoTime


def refresh_token(shown: Token) -> RefreshTokenJson:
    return {
        "id": shown.id,
        "applicationId": shown.application_id,
        "userId": shown.user_id,
        "lastUsedTimestamp": to_iso(shown.last_used_timestamp),
        "creationTimestamp": to_iso(shown.creation_timestamp),
        "updateTimestamp": to_iso(shown.update_timestamp),
    }


def access_token(shown: Token) -> AccessTokenJson:
    """Without the token itself: the service has announced that its lists will leave out secrets."""
    assert shown.refresh_token_id is not None, "an access token has one"
    assert shown.expiry_timestamp is not None, "an access token has one"
    return {
        **refresh_token(shown),
        "refreshTokenId": shown.refresh_token_id,
        "expiryTimestamp": to_iso(shown.expiry_timestamp),
    }


def oauth1_token(shown: Token, *, with_secret: bool = False) -> OAuth1TokenJson:
    made: OAuth1TokenJson = {
        **refresh_token(shown),
        "token": shown.token,
        "tokenSecret": shown.secret if with_secret else None,
    }
    return present(made)


def token_pair(access: Token, refresh: Token) -> TokenPairJson:
    return {
        "token_type": "bearer",
        "access_token": access.token,
        "expires_in": ACCESS_LIFE.total_seconds(),
        "refresh_token": refresh.token,
        "application_id": access.application_id,
        "user_id": access.user_id,
        "creation_timestamp": to_iso(access.creation_timestamp),
    }


def application(shown: Application) -> ApplicationJson:
    """With one version, whose credentials serve OAuth1 and OAuth2 alike."""
    creation = to_iso(shown.creation_timestamp)
    version: ApplicationVersionJson = {
        "id": shown.id,
        "name": "v1",
        "consumerKey": shown.consumer_key,
        "consumerSecret": shown.consumer_secret,
        "clientId": shown.client_id,
        "clientSecret": shown.client_secret,
        "creationTimestamp": creation,
    }
    return {
        "id": shown.id,
        "name": shown.name,
        "description": shown.description,
        "type": "oauth1",
        "versions": [version],
        "creationTimestamp": creation,
        "updateTimestamp": to_iso(shown.update_timestamp),
    }
