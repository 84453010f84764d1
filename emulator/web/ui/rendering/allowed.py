"""The permissions of whoever looks at a page: templates leave out what the account may not use."""

from __future__ import annotations

from collections.abc import Mapping

from flask import g

from taskdock.identity.account import NOBODY, Account, require
from taskdock.identity.account import may as may_by
from taskdock.tasks.runs.run_json import RunJson
from taskdock.web.access.dashboard_guard import visitor

HARNESS = "HARNESS"
"""The word for the use of the test harness, which is no permission that a role can have."""

LOGS: Mapping[str, str] = {
    "task": "VIEW_TASK_LOGS",
    "execution": "VIEW_TASK_LOGS",
    "api": "VIEW_API_FUNCTION_REQUEST_LOGS",
}
"""The permission that shows the log of a run, by the run's kind, as in the API. See `log_needs`."""


def log_needs(kind: str) -> str:
    """The permission that shows the log of a run of this kind."""
    return LOGS.get(kind, "VIEW_TASK_FUNCTION_LOGS")


def run_needs(kind: str) -> str:
    """The permission that shows a run of this kind, without its log: as in the API."""
    return "VIEW_API_FUNCTION_REQUESTS" if kind == "api" else "VIEW_TASKS"


def may_see(kind: str) -> bool:
    """Whether the caller may see runs of this kind."""
    return may(run_needs(kind))


def need_run(run: RunJson) -> RunJson:
    """The kept run, for who may see runs of its kind.

    Raises `NotSignedIn` or `NoPermission`."""
    need(run_needs(run["kind"]))
    return run


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
