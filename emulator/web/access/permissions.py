"""Which permission each endpoint needs: one table, in the terms of the service's documentation.

An endpoint is a method and a path, each variable part of which is a *. One that is not in the
table can be called by nobody; a test checks that every endpoint is there.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import cache

from emulator.base.errors import TaskdockError
from emulator.identity.account import Account, require, require_user


class Gate(Enum):
    """What is asked of a caller where no permission is needed."""

    ANYONE = "anyone"
    USER = "user"
    """Any user who is signed in."""
    VIEW = "view"
    """It depends on what the request names, so it is asked for where that is known."""
    MACHINE = "machine"
    """Credentials do not count, but with `--auth strict` where the caller is: on this machine."""


ENDPOINTS: dict[str, str | Gate] = {
    "GET /health": Gate.ANYONE,
    "GET /status": "VIEW_TASK_FUNCTIONS",  # it names them
    "GET /openapi.json": Gate.ANYONE,
    "GET /docs": Gate.ANYONE,
    "GET /docs/*": Gate.ANYONE,
    # AWS's Lambda API, whose credentials nobody here could check
    "GET /2015-03-31/functions": Gate.MACHINE,
    "POST /2015-03-31/functions": Gate.MACHINE,
    "GET /2015-03-31/functions/*": Gate.MACHINE,
    "DELETE /2015-03-31/functions/*": Gate.MACHINE,
    "GET /2015-03-31/functions/*/configuration": Gate.MACHINE,
    "PUT /2015-03-31/functions/*/configuration": Gate.MACHINE,
    "GET /2015-03-31/functions/*/code": Gate.MACHINE,
    "PUT /2015-03-31/functions/*/code": Gate.MACHINE,
    "POST /2015-03-31/functions/*/invocations": Gate.MACHINE,
    "GET /2015-03-31/functions/*/policy": Gate.MACHINE,
    "POST /2015-03-31/functions/*/policy": Gate.MACHINE,
    "DELETE /2015-03-31/functions/*/policy/*": Gate.MACHINE,
    "GET /2015-03-31/functions/*/versions": Gate.MACHINE,
    "GET /2015-03-31/functions/*/aliases": Gate.MACHINE,
    "GET /2017-03-31/tags/*": Gate.MACHINE,
    "POST /2017-03-31/tags/*": Gate.MACHINE,
    "DELETE /2017-03-31/tags/*": Gate.MACHINE,
    "GET /2019-09-30/functions/*/concurrency": Gate.MACHINE,
    "GET /2019-09-30/functions/*/provisioned-concurrency": Gate.MACHINE,
    "GET /2019-09-25/functions/*/event-invoke-config": Gate.MACHINE,
    "GET /2019-09-25/functions/*/event-invoke-config/list": Gate.MACHINE,
    "GET /2021-10-31/functions/*/url": Gate.MACHINE,
    "GET /2021-10-31/functions/*/urls": Gate.MACHINE,
    "GET /2020-06-30/functions/*/code-signing-config": Gate.MACHINE,
    "GET /2024-08-31/functions/*/recursion-config": Gate.MACHINE,
    "GET /2021-07-20/functions/*/runtime-management-config": Gate.MACHINE,
    "GET /2016-08-19/account-settings": Gate.MACHINE,
    "GET /2015-03-31/event-source-mappings": Gate.MACHINE,
    "GET /2020-04-22/code-signing-configs": Gate.MACHINE,
    "GET /2018-10-31/layers": Gate.MACHINE,
    "ANY /*/*": Gate.MACHINE,  # parts of it that are not here: a date and what follows
    # Tasks
    "GET /tasks/v1": "VIEW_TASKS",
    "POST /tasks/v1": "CREATE_TASKS",
    "POST /tasks/v1/*/cancel": "CANCEL_TASKS",
    "GET /tasks/v1/*/logs": "VIEW_TASK_LOGS",
    # Functions
    "GET /tasks/v1/functions": "VIEW_TASK_FUNCTIONS",
    "POST /tasks/v1/functions": "CREATE_TASK_FUNCTION",
    "GET /tasks/v1/functions/*": "VIEW_TASK_FUNCTION_DETAILS",
    "PUT /tasks/v1/functions/*": "UPDATE_TASK_FUNCTION",
    "DELETE /tasks/v1/functions/*": "DELETE_TASK_FUNCTION",
    "POST /tasks/v1/functions/*/enable": "UPDATE_TASK_FUNCTION",
    "POST /tasks/v1/functions/*/disable": "UPDATE_TASK_FUNCTION",
    "POST /tasks/v1/functions/*/execute": Gate.VIEW,
    "GET /tasks/v1/functions/*/logs": "VIEW_TASK_FUNCTION_LOGS",
    # API functions
    "ANY /tasks/v1/api/*": Gate.VIEW,
    "ANY /tasks/v1/api/*/*": Gate.VIEW,
    "GET /tasks/v1/apiRequests": "VIEW_API_FUNCTION_REQUESTS",
    "GET /tasks/v1/apiRequests/*/logs": "VIEW_API_FUNCTION_REQUEST_LOGS",
    # Schedules
    "GET /tasks/v1/schedules": "VIEW_TASK_SCHEDULES",
    "POST /tasks/v1/schedules": "CREATE_TASK_SCHEDULE",
    "DELETE /tasks/v1/schedules/*": "DELETE_TASK_SCHEDULE",
    # Events
    "GET /events/v1": "VIEW_EVENTS",
    "GET /events/v1/health": Gate.ANYONE,
    "GET /events/v1/subscriptions": "VIEW_SUBSCRIPTIONS",
    "POST /events/v1/subscriptions": "CREATE_SUBSCRIPTIONS",
    "DELETE /events/v1/subscriptions/*": "CREATE_SUBSCRIPTIONS",  # the service names no other
    # Users
    "GET /users/v1": "VIEW_USER",
    "GET /users/v1/me": Gate.USER,
    "GET /users/v1/*": Gate.VIEW,
    "PUT /users/v1/*": Gate.VIEW,
    "DELETE /users/v1/*": "DELETE_USER",
    "POST /users/v1/register": Gate.ANYONE,
    "GET /users/v1/email_available": Gate.ANYONE,
    "PUT /users/v1/password": Gate.USER,
    # Global roles
    "GET /users/v1/permissions": Gate.ANYONE,
    "GET /users/v1/roles": "VIEW_ROLE",
    "POST /users/v1/roles": "CREATE_ROLE",
    "PUT /users/v1/roles/*": "UPDATE_ROLE",
    "DELETE /users/v1/roles": "DELETE_ROLE",
    "POST /users/v1/roles/add_permissions": "ADD_ROLE_PERMISSION",
    "POST /users/v1/roles/remove_permissions": "REMOVE_ROLE_PERMISSION",
    "POST /users/v1/add_roles": "ADD_ROLE_TO_USER",
    "POST /users/v1/remove_roles": "REMOVE_ROLE_FROM_USER",
    # Tokens: one's own, unless one may do more
    "POST /auth/v2/oauth1/tokens": Gate.ANYONE,
    "GET /auth/v2/oauth1/tokens": Gate.USER,
    "DELETE /auth/v2/oauth1/tokens/*": Gate.USER,
    "POST /auth/v2/oauth2/tokens": Gate.ANYONE,
    "GET /auth/v2/oauth2/tokens": Gate.USER,
    "DELETE /auth/v2/oauth2/tokens/*": Gate.USER,
    "GET /auth/v2/oauth2/refreshTokens": Gate.USER,
    "DELETE /auth/v2/oauth2/refreshTokens/*": Gate.USER,
    "GET /auth/v2/applications": "VIEW_APPLICATIONS",
}

OTHERS = (
    "DELETE_AUTHORIZATIONS",
    "EXECUTE_API_FUNCTION",
    "EXECUTE_TASK_FUNCTION",
    "UPDATE_USER",
    "VIEW_AUTHORIZATIONS",
)
"""The permissions that views ask for themselves."""

ELSEWHERE = ("CREATE_EVENTS",)
"""Permissions of the service whose endpoints are not here: roles can have them all the same."""

_VARIABLE = re.compile(r"<[^>]*>")


@cache
def needed(method: str, rule: str) -> str | Gate:
    """What the endpoint of a URL rule (with <variables>) needs. Raises when it is not listed."""
    path = _VARIABLE.sub("*", rule).rstrip("/")
    methods = {"HEAD": ("HEAD", "ANY", "GET")}.get(method, (method, "ANY"))
    for each in methods:
        found = ENDPOINTS.get(f"{each} {path}")
        if found is not None:
            return found
    if method == "OPTIONS":  # the web framework's own answer: which methods there are
        return Gate.ANYONE
    raise TaskdockError(f"{method} {path} is not in the table of permissions")


def check(account: Account, wanted: str | Gate) -> None:
    """Raises `NotSignedIn` or `NoPermission`."""
    if wanted is Gate.USER:
        require_user(account)
    elif isinstance(wanted, str):
        require(account, wanted)
