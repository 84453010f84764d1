"""Decides who may run a function, by the function's permission mode."""

from __future__ import annotations

from taskdock.base.errors import NotAllowed
from taskdock.identity.account import Account, require, require_user
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.function import Function, PermissionMode

EXECUTE_TASK = "EXECUTE_TASK_FUNCTION"
EXECUTE_API = "EXECUTE_API_FUNCTION"


def admit(account: Account, permission: str, catalog: Catalog, name: str) -> Function:
    """The function, for a caller that may run it. `permission` is for all functions; with :name,
    for one.

    Raises `NotSignedIn`, `NoPermission`, or `NotFound`: a caller that may not run the function
    need not know whether it exists.
    """
    function = catalog.find(name)
    mode = None if function is None else function.execution_options.permission_mode
    if mode is PermissionMode.ALL_USERS:
        require_user(account)
    elif mode is not PermissionMode.PUBLIC:
        require(account, f"{permission}:{name}")
    return function or catalog.get(name)


def may_run(account: Account, permission: str, catalog: Catalog, name: str) -> bool:
    """Whether `admit` lets the caller run a function that there is."""
    try:
        admit(account, permission, catalog, name)
    except NotAllowed:
        return False
    return True
