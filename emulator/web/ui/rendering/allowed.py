"""The permissions of whoever looks at a page: templates leave out what the account may not use."""

from __future__ import annotations

from flask import g

from taskdock.identity.account import NOBODY, Account
from taskdock.identity.account import may as may_by


def may(permission: str) -> bool:
    """Whether the caller has the permission, such as `CREATE_TASKS`."""
    account: Account = g.get("caller", NOBODY)
    return may_by(account, permission)
