"""Who is asking, and what they may: users, roles, applications, tokens as frozen values. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from emulator.errors import NoPermission, NotSignedIn

EVERYTHING = "*"
"""The permission of this server's own accounts; no request can give it to a role."""


@dataclass(frozen=True, kw_only=True)
class Role:
    """A global role: permissions under a name, for the users that have it."""

    id: str
    name: str
    description: str
    permissions: tuple[str, ...] = ()
    creation_timestamp: datetime
    update_timestamp: datetime


@dataclass(frozen=True, kw_only=True)
class User:
    id: str
    email: str
    first_name: str
    last_name: str
    phone_number: str
    language: str
    time_zone: str
    roles: tuple[Role, ...] = ()
    creation_timestamp: datetime
    update_timestamp: datetime


@dataclass(frozen=True, kw_only=True)
class Application:
    """A program that people use: a consumer to OAuth1, a client to OAuth2."""

    id: str
    name: str
    description: str
    consumer_key: str
    consumer_secret: str
    client_id: str
    client_secret: str
    creation_timestamp: datetime
    update_timestamp: datetime


class TokenKind(str, Enum):
    OAUTH1 = "oauth1"
    """Signs requests with its secret; does not expire."""
    ACCESS = "access"
    """An OAuth2 bearer token."""
    REFRESH = "refresh"
    """Gets new access tokens, until it is removed."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """One user's permission for one application to act as them."""

    id: str
    kind: TokenKind
    application_id: str
    user_id: str
    token: str
    secret: str | None = None  # of OAuth1
    refresh_token_id: str | None = None  # of an access token
    expiry_timestamp: datetime | None = None
    creation_timestamp: datetime
    update_timestamp: datetime
    last_used_timestamp: datetime

    def expired(self, now: datetime) -> bool:
        return self.expiry_timestamp is not None and self.expiry_timestamp <= now


def oauth1_variables(application: Application, token: Token) -> dict[str, str]:
    """The credentials, under the names that functions and the `exh` command read them by."""
    return {
        "API_OAUTH_CONSUMER_KEY": application.consumer_key,
        "API_OAUTH_CONSUMER_SECRET": application.consumer_secret,
        "API_OAUTH_TOKEN": token.token,
        "API_OAUTH_TOKEN_SECRET": token.secret or "",
    }


@dataclass(frozen=True, kw_only=True)
class Account:
    """Who a request acts as. Without a user, nobody is signed in; an application alone may be."""

    user_id: str | None = None
    application_id: str | None = None
    permissions: frozenset[str] = frozenset()

    @property
    def signed_in(self) -> bool:
        return self.user_id is not None


NOBODY = Account()


def may(account: Account, permission: str) -> bool:
    """EXECUTE_TASK_FUNCTION:NAME is also had by who has EXECUTE_TASK_FUNCTION, for any name."""
    whole, _, _ = permission.partition(":")
    return account.signed_in and not account.permissions.isdisjoint({permission, whole, EVERYTHING})


def require_user(account: Account) -> str:
    """The id of the user who is signed in. Raises `NotSignedIn`."""
    if account.user_id is None:
        raise NotSignedIn
    return account.user_id


def require(account: Account, permission: str) -> None:
    """Raises `NotSignedIn` or `NoPermission`."""
    require_user(account)
    if not may(account, permission):
        raise NoPermission(f"this needs the permission {permission}")
