"""Who is asking, and what they may: users, roles, applications, tokens as frozen values. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from emulator.base.errors import NoPermission, NotSignedIn

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


@dataclass(frozen=True, kw_only=True)
class FunctionToken:
    """An OAuth1 token of a function, which is kept nowhere."""

    token: str
    secret: str
    application_id: str
    users: tuple[str, ...]
    """Whose work the function is."""


def oauth1_variables(application: Application, token: Token | FunctionToken) -> dict[str, str]:
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
    session: str | None = field(default=None, compare=False)
    """The id of the OAuth1 or refresh token that it came by, if any."""
    behind: tuple[str, ...] = field(default=(), compare=False)
    """Users on whose behalf a function works, when it is not one user's work alone."""

    @property
    def authors(self) -> tuple[str, ...]:
        """Ids of the users who answer for what is done."""
        return self.behind or (() if self.user_id is None else (self.user_id,))

    def owns(self, user_id: str) -> bool:
        """Whether what is that user's own is the caller's: not of a function that works on behalf
        of several, since the account that it has is shared by all such functions."""
        return self.user_id == user_id and not self.behind

    @property
    def signed_in(self) -> bool:
        return self.user_id is not None


NOBODY = Account()
SERVER = Account(permissions=frozenset({EVERYTHING}))
"""The server itself, which no request acts as."""


def may(account: Account, permission: str) -> bool:
    """EXECUTE_TASK_FUNCTION:NAME is also had by who has EXECUTE_TASK_FUNCTION, for any name."""
    return account.signed_in and _gives(account.permissions, permission)


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


def common(one: frozenset[str], other: frozenset[str]) -> frozenset[str]:
    """The permissions that both sets give."""
    return frozenset(
        {each for each in one if _gives(other, each)}
        | {each for each in other if _gives(one, each)}
    )


def _gives(permissions: frozenset[str], permission: str) -> bool:
    whole, _, _ = permission.partition(":")
    return not permissions.isdisjoint({permission, whole, EVERYTHING})


def require_power_over(account: Account, roles: Iterable[Role]) -> None:
    """Roles that may do everything are this server's own: who has none changes nothing about them.

    Raises `NoPermission`.
    """
    if EVERYTHING in account.permissions:
        return
    for role in roles:
        if EVERYTHING in role.permissions:
            raise NoPermission(
                f"the role {role.name} may do everything: it is for those who have it to change"
            )
