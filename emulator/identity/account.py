"""Identity as frozen values: users, roles, applications, tokens, and the account of a request.

It also has the rules by which an account has a permission. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from taskdock.base.errors import NoPermission, NotSignedIn

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
    """Buys new access tokens until it is removed."""
    SESSION = "session"
    """A sign-in of the dashboard; its text is a digest of the cookie."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """The right of one application to act as one user."""

    id: str
    kind: TokenKind
    application_id: str
    user_id: str
    token: str
    secret: str | None = None  # only an OAuth1 token has one
    refresh_token_id: str | None = None  # only an access token has one: the token that bought it
    expiry_timestamp: datetime | None = None
    creation_timestamp: datetime
    update_timestamp: datetime
    last_used_timestamp: datetime

    def expired(self, now: datetime) -> bool:
        return self.expiry_timestamp is not None and self.expiry_timestamp <= now


@dataclass(frozen=True, kw_only=True)
class FunctionToken:
    """An OAuth1 token of a function. It is computed from the function's key and never stored."""

    token: str
    secret: str
    application_id: str
    users: tuple[str, ...]
    """Ids of the users who deployed the function."""


def oauth1_variables(application: Application, token: Token | FunctionToken) -> dict[str, str]:
    """The credentials as environment variables, with the names that functions and the `exh`
    command read."""
    return {
        "API_OAUTH_CONSUMER_KEY": application.consumer_key,
        "API_OAUTH_CONSUMER_SECRET": application.consumer_secret,
        "API_OAUTH_TOKEN": token.token,
        "API_OAUTH_TOKEN_SECRET": token.secret or "",
    }


@dataclass(frozen=True, kw_only=True)
class Account:
    """The identity that a request acts as.

    An account without a user is not signed in; it may still have an application.
    """

    user_id: str | None = None
    application_id: str | None = None
    permissions: frozenset[str] = frozenset()
    session: str | None = field(default=None, compare=False)
    """The id of the OAuth1 or refresh token that signed the request in, if there was one."""
    behind: tuple[str, ...] = field(default=(), compare=False)
    """Ids of the users who deployed the calling function together; empty for a single user."""

    @property
    def authors(self) -> tuple[str, ...]:
        """Ids of the users who are responsible for the request."""
        return self.behind or (() if self.user_id is None else (self.user_id,))

    def owns(self, user_id: str) -> bool:
        """Whether the caller may use the private objects of that user.

        A function that several users deployed may not: all such functions share one account.
        """
        return self.user_id == user_id and not self.behind

    @property
    def signed_in(self) -> bool:
        return self.user_id is not None


NOBODY = Account()
SERVER = Account(permissions=frozenset({EVERYTHING}))
"""The account of the server itself. No request gets this account."""


def may(account: Account, permission: str) -> bool:
    """Whether the account has the permission.

    A permission without a name (`EXECUTE_TASK_FUNCTION`) grants `EXECUTE_TASK_FUNCTION:NAME` for
    every name.
    """
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
    """The permissions that both sets grant."""
    return frozenset(
        {permission for permission in one if _gives(other, permission)}
        | {permission for permission in other if _gives(one, permission)}
    )


def _gives(permissions: frozenset[str], permission: str) -> bool:
    whole, _, _ = permission.partition(":")
    return not permissions.isdisjoint({permission, whole, EVERYTHING})


def require_power_over(account: Account, roles: Iterable[Role]) -> None:
    """Protects roles that may do everything: only an account that may do everything changes them.

    Raises `NoPermission` when the account may not do everything and one of `roles` may.
    """
    if EVERYTHING in account.permissions:
        return
    for role in roles:
        if EVERYTHING in role.permissions:
            raise NoPermission(
                f"the role {role.name} may do everything: it is for those who have it to change"
            )
