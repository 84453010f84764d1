"""The permissions of whoever looks at a page: templates leave out what the account may not use."""

from __future__ import annotations

from flask import g

from taskdock.identity.account import NOBODY, Account, require
from taskdock.identity.account import may as may_by
from taskdock.web.access.dashboard_guard import visitor

HARNESS = "HARNESS"
"""The word for the use of the test harness, which is no permission that a role can have."""


def may(permission: str) -> bool:
    """Whether the caller has the permission, such as `CREATE_TASKS`, or may use the `HARNESS`."""
    if permission == HARNESS:
        return visitor().may_test
    account: Account = g.get("caller", NOBODY)
    return may_by(account, permission)


def need(permission: str) -> None:
    """Asks for a permission beyond that of the page, for a part of it such as a log.

    Raises `NotSignedIn` or `NoPermission`."""
    require(g.get("caller", NOBODY), permission)


def session_email() -> str:
    """The address of the user who has signed in; "" for a caller who need not sign in."""
    return visitor().email()
