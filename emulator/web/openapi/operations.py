"""What the API's description says of each endpoint, one line each: `OPERATIONS`.

Only what cannot be read from elsewhere: permissions, the errors that every endpoint of a kind has,
and the requests' schemas are added by `web.openapi`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from emulator.base import errors
from emulator.base.errors import TaskdockError
from emulator.identity.accounts import USER_FIELDS
from emulator.identity.roles import ROLE_FIELDS
from emulator.identity.tokens import TOKEN_FIELDS
from emulator.store.query.fields import (
    API_REQUEST_FIELDS,
    EVENT_FIELDS,
    SCHEDULE_FIELDS,
    SUBSCRIPTION_FIELDS,
    TASK_FIELDS,
    Fields,
)
from emulator.web.common import requests
from emulator.web.identity_api import identity_json
from emulator.web.openapi.schemas import FREE, page_of, page_without_query, ref

Json = dict[str, Any]

ID = "67a1f0c2d3e4f5a6b7c8d9e0"
ZIP = (
    "UEsDBBQAAAAAAAAAIVzWl7DsNgAAADYAAAAIAAAAaW5kZXgucHlkZWYgaGFuZGxlcihldmVudCwgY29udGV4dCk6"
    "CiAgICByZXR1cm4gZXZlbnRbJ2RhdGEnXQpQSwECFAMUAAAAAAAAACFc1pew7DYAAAA2AAAACAAAAAAAAAAAAAAA"
    "pAEAAAAAaW5kZXgucHlQSwUGAAAAAAEAAQA2AAAAXAAAAAAA"
)
"""A function in Python that returns its data."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """`example`: a body that works. `query`: what RQL may name; `logs`: RQL for log lines."""

    tag: str
    summary: str
    answer: Json | None = None
    """The schema of 200; None: anything, of any type."""
    failing: Json | None = None
    """The schema of 503, where that is no refusal."""
    body: type[requests.Wire] | None = None
    body_optional: bool = False
    form: bool = False
    """The body may be a form, too."""
    example: Json | None = None
    query: Fields | None = None
    selects: bool = False
    """The query says what is changed, so it has to be there."""
    parameters: tuple[Json, ...] = ()
    errors: tuple[type[TaskdockError], ...] = ()
    statuses: tuple[str, ...] = ()
    """Further statuses, of which nothing is known."""
    deprecated: bool = False


_DONE = ref("AffectedRecords")
_NOTHING: Json = {}
_BY_ID = (errors.BadId, errors.NotFound)
_FUNCTION = (errors.BadFunctionCode, errors.BadConfiguration)
_TASK = {"functionName": "hello-world-python", "data": {"name": "Ada"}, "tags": ["example"]}
_NEW_FUNCTION = {
    "name": "my-function",
    "code": ZIP,
    "entryPoint": "index.handler",
    "runtime": "python3.11",
    "timeLimit": 30,
    "memoryLimit": 128,
    "environmentVariables": {"COLOR": {"value": "green"}},
    "retryPolicy": {"enabled": True, "errorsToRetry": ["TimeoutError"]},
    "executionOptions": {"permissionMode": "permissionRequired", "defaultPriority": 0},
}
_NEW_USER = {
    "firstName": "Ada",
    "lastName": "Walnut",
    "email": "ada@example.com",
    "password": "correct horse",
    "phoneNumber": "+32 0",
    "language": "EN",
    "timeZone": "Europe/Brussels",
}
_LOG_LIMIT = "RQL in the query string: `ge(timestamp,2026-01-02T03:04:05.678Z)`, `limit(100,0)`."
_SINCE: Json = {
    "name": "timestamp>",
    "in": "query",
    "description": f"{_LOG_LIMIT} Lines from this time on.",
    "schema": {"type": "string", "format": "date-time"},
}
_PERIOD: tuple[Json, ...] = tuple(
    {
        "name": f"eventTimestamp{sign}",
        "in": "query",
        "required": True,
        "description": "Both ends are needed, at most 24 hours apart.",
        "schema": {"type": "string", "format": "date-time"},
        "example": example,
    }
    for sign, example in ((">", "2026-01-02T00:00:00.000Z"), ("<", "2026-01-02T12:00:00.000Z"))
)
_EMAIL: Json = {"name": "email", "in": "query", "required": True, "schema": {"type": "string"}}

OPERATIONS: dict[str, Operation] = {
    # The server itself
    "GET /health": Operation(
        tag="Server",
        summary="Whether the server is there, and what fails (503)",
        answer=ref("Health"),
        failing=ref("Health"),
    ),
    "GET /status": Operation(
        tag="Server",
        summary="What the server has and does, and what fails: environments, the queue, MB",
        answer=ref("Status"),
    ),
    "GET /openapi.json": Operation(tag="Server", summary="This description", answer=FREE),
    "GET /docs": Operation(tag="Server", summary="This description as a page"),
    "GET /docs/{file}": Operation(
        tag="Server", summary="A file of that page", errors=(errors.NoSuchEndpoint,)
    ),
    # Tasks
    "GET /tasks/v1": Operation(
        tag="Tasks", summary="List tasks", answer=page_of("Task"), query=TASK_FIELDS
    ),
    "POST /tasks/v1": Operation(
        tag="Tasks",
        summary="Queue a task",
        answer=ref("Task"),
        body=requests.NewTask,
        example=_TASK,
    ),
    "POST /tasks/v1/{taskId}/cancel": Operation(
        tag="Tasks",
        summary="Cancel a task that is new",
        answer=_DONE,
        errors=(*_BY_ID, errors.IllegalState),
    ),
    "GET /tasks/v1/{taskId}/logs": Operation(
        tag="Tasks",
        summary="The log lines of a task",
        answer=page_without_query("LogLine"),
        parameters=(_SINCE,),
        errors=(*_BY_ID, errors.BadQuery, errors.IllegalState, errors.NoLogs),
    ),
    # Functions
    "GET /tasks/v1/functions": Operation(
        tag="Functions", summary="List functions", answer=page_of("Function")
    ),
    "POST /tasks/v1/functions": Operation(
        tag="Functions",
        summary="Create a function: code, entryPoint and runtime, or taskdock's own field image",
        answer=ref("FunctionDetails"),
        body=requests.NewFunction,
        example=_NEW_FUNCTION,
        errors=(*_FUNCTION, errors.BadFunctionName, errors.AlreadyExists),
    ),
    "GET /tasks/v1/functions/{name}": Operation(
        tag="Functions",
        summary="All of a function but its code",
        answer=ref("FunctionDetails"),
        errors=(errors.NotFound,),
    ),
    "PUT /tasks/v1/functions/{name}": Operation(
        tag="Functions",
        summary="Change the fields that are given",
        answer=_DONE,
        body=requests.FunctionBody,
        example={"timeLimit": 10},
        errors=(*_FUNCTION, errors.NotFound),
    ),
    "DELETE /tasks/v1/functions/{name}": Operation(
        tag="Functions",
        summary="Delete a function; its tasks and logs stay",
        answer=_DONE,
        errors=(errors.NotFound,),
    ),
    "POST /tasks/v1/functions/{name}/enable": Operation(
        tag="Functions", summary="Enable a function", answer=_DONE, errors=(errors.NotFound,)
    ),
    "POST /tasks/v1/functions/{name}/disable": Operation(
        tag="Functions", summary="Disable a function", answer=_DONE, errors=(errors.NotFound,)
    ),
    "POST /tasks/v1/functions/{name}/execute": Operation(
        tag="Functions",
        summary="Run a function now and wait for its result",
        answer=ref("TaskWithResult"),
        body=requests.Execution,
        body_optional=True,
        example={"data": {"name": "Ada"}},
        errors=(
            errors.NotFound,
            errors.TooManyExecutions,
            errors.TimeLimitTooLong,
            errors.InvocationFailed,
            errors.Unavailable,
            errors.FunctionFailed,
        ),
    ),
    "GET /tasks/v1/functions/{name}/logs": Operation(
        tag="Functions",
        summary="The log lines of all runs of a function",
        answer=page_of("FunctionLogLine"),
        parameters=_PERIOD,
        errors=(errors.BadQuery, errors.NotFound),
        deprecated=True,
    ),
    # API requests; the calls themselves are below
    "GET /tasks/v1/apiRequests": Operation(
        tag="API functions",
        summary="List the calls of API functions",
        answer=page_of("ApiRequest"),
        query=API_REQUEST_FIELDS,
    ),
    "GET /tasks/v1/apiRequests/{requestId}/logs": Operation(
        tag="API functions",
        summary="The log lines of a call",
        answer=page_without_query("LogLine"),
        parameters=(_SINCE,),
        errors=(*_BY_ID, errors.BadQuery, errors.NoApiRequestLogs),
    ),
    # Schedules
    "GET /tasks/v1/schedules": Operation(
        tag="Schedules",
        summary="List schedules",
        answer=page_of("Schedule"),
        query=SCHEDULE_FIELDS,
    ),
    "POST /tasks/v1/schedules": Operation(
        tag="Schedules",
        summary="Queue a task every so many seconds",
        answer=ref("Schedule"),
        body=requests.NewSchedule,
        example={"functionName": "hello-world-python", "interval": 3600, "data": {"name": "Ada"}},
    ),
    "DELETE /tasks/v1/schedules/{scheduleId}": Operation(
        tag="Schedules", summary="End a schedule", answer=_DONE, errors=_BY_ID
    ),
    # Events
    "GET /events/v1": Operation(
        tag="Events", summary="List service events", answer=page_of("Event"), query=EVENT_FIELDS
    ),
    "GET /events/v1/health": Operation(
        tag="Events", summary="Whether the event service is there", answer=ref("Health")
    ),
    "GET /events/v1/subscriptions": Operation(
        tag="Events",
        summary="List who is told of events",
        answer=page_of("Subscription"),
        query=SUBSCRIPTION_FIELDS,
    ),
    "POST /events/v1/subscriptions": Operation(
        tag="Events",
        summary="Have a function or a webhook told of events: functionName or url, not both",
        answer=ref("Subscription"),
        body=requests.NewSubscription,
        example={"eventTypes": ["task_failed"], "functionName": "hello-world-python"},
        errors=(errors.BadFunctionName, errors.AlreadyExists),
    ),
    "DELETE /events/v1/subscriptions/{subscriptionId}": Operation(
        tag="Events", summary="End a subscription", answer=_DONE, errors=_BY_ID
    ),
    # Users
    "GET /users/v1": Operation(
        tag="Users", summary="List users", answer=page_of("User"), query=USER_FIELDS
    ),
    "GET /users/v1/me": Operation(
        tag="Users", summary="Who is asking", answer=ref("User"), errors=(errors.NotFound,)
    ),
    "GET /users/v1/{userId}": Operation(
        tag="Users",
        summary="A user; others than oneself with VIEW_USER",
        answer=ref("User"),
        errors=_BY_ID,
    ),
    "PUT /users/v1/{userId}": Operation(
        tag="Users",
        summary="Change a user; others than oneself with UPDATE_USER",
        answer=ref("User"),
        body=identity_json.UserChanges,
        example={"language": "NL"},
        errors=_BY_ID,
    ),
    "DELETE /users/v1/{userId}": Operation(
        tag="Users",
        summary="Remove a user, with the user's tokens",
        answer=_DONE,
        errors=_BY_ID,
    ),
    "POST /users/v1/register": Operation(
        tag="Users",
        summary="Register a user",
        answer=ref("User"),
        body=identity_json.NewUser,
        example=_NEW_USER,
        errors=(errors.EmailTaken, errors.TooManySignIns),
    ),
    "GET /users/v1/email_available": Operation(
        tag="Users",
        summary="Whether no user has this e-mail address",
        answer=ref("EmailAvailable"),
        parameters=(_EMAIL,),
        errors=(errors.MissingFields,),
    ),
    "PUT /users/v1/password": Operation(
        tag="Users",
        summary="Change one's password",
        answer=ref("User"),
        body=identity_json.PasswordChange,
        example={"oldPassword": "correct horse", "newPassword": "battery staple"},
        errors=(errors.WrongPassword, errors.NotFound, errors.TooManySignIns),
    ),
    # Global roles
    "GET /users/v1/permissions": Operation(
        tag="Roles", summary="List permissions", answer=page_without_query("Permission")
    ),
    "GET /users/v1/roles": Operation(
        tag="Roles", summary="List global roles", answer=page_of("Role"), query=ROLE_FIELDS
    ),
    "POST /users/v1/roles": Operation(
        tag="Roles",
        summary="Create a global role",
        answer=ref("Role"),
        body=identity_json.NewRole,
        example={"name": "reader", "description": "May look at tasks"},
        errors=(errors.AlreadyExists,),
    ),
    "PUT /users/v1/roles/{roleId}": Operation(
        tag="Roles",
        summary="Change a global role",
        answer=ref("Role"),
        body=identity_json.RoleChanges,
        example={"description": "May look at tasks and logs"},
        errors=(*_BY_ID, errors.AlreadyExists),
    ),
    "DELETE /users/v1/roles": Operation(
        tag="Roles",
        summary="Remove the global roles that the query finds",
        answer=_DONE,
        query=ROLE_FIELDS,
        selects=True,
        errors=(errors.NotFound,),
    ),
    "POST /users/v1/roles/add_permissions": Operation(
        tag="Roles",
        summary="Add permissions to the global roles that the query finds",
        answer=_DONE,
        body=identity_json.PermissionNames,
        example={"permissions": ["VIEW_TASKS"]},
        query=ROLE_FIELDS,
        selects=True,
        errors=(errors.NotFound,),
    ),
    "POST /users/v1/roles/remove_permissions": Operation(
        tag="Roles",
        summary="Take permissions from the global roles that the query finds",
        answer=_DONE,
        body=identity_json.PermissionNames,
        example={"permissions": ["VIEW_TASKS"]},
        query=ROLE_FIELDS,
        selects=True,
        errors=(errors.NotFound,),
    ),
    "POST /users/v1/add_roles": Operation(
        tag="Roles",
        summary="Give roles to the users that the query finds",
        answer=_DONE,
        body=identity_json.RoleIds,
        example={"roles": [ID]},
        query=USER_FIELDS,
        selects=True,
        errors=(errors.NotFound,),
    ),
    "POST /users/v1/remove_roles": Operation(
        tag="Roles",
        summary="Take roles from the users that the query finds",
        answer=_DONE,
        body=identity_json.RoleIds,
        example={"roles": [ID]},
        query=USER_FIELDS,
        selects=True,
    ),
    # Tokens
    "POST /auth/v2/oauth1/tokens": Operation(
        tag="Tokens",
        summary="Get an OAuth1 token; the request is signed with the consumer key alone",
        answer=ref("OAuth1Token"),
        body=identity_json.Login,
        example={"email": "ada@example.com", "password": "correct horse"},
        errors=(errors.NoApplication, errors.WrongPassword, errors.TooManySignIns),
    ),
    "GET /auth/v2/oauth1/tokens": Operation(
        tag="Tokens",
        summary="List OAuth1 tokens: one's own, or with VIEW_AUTHORIZATIONS everybody's",
        answer=page_of("OAuth1Token"),
        query=TOKEN_FIELDS,
    ),
    "DELETE /auth/v2/oauth1/tokens/{tokenId}": Operation(
        tag="Tokens",
        summary="Remove an OAuth1 token: one's own, or with DELETE_AUTHORIZATIONS anybody's",
        answer=_DONE,
        errors=_BY_ID,
    ),
    "POST /auth/v2/oauth2/tokens": Operation(
        tag="Tokens",
        summary="Get an OAuth2 access token: grants password and refresh_token",
        answer=ref("TokenPair"),
        body=identity_json.Grant,
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
    ),
    "GET /auth/v2/oauth2/tokens": Operation(
        tag="Tokens",
        summary="List OAuth2 access tokens: one's own, or with VIEW_AUTHORIZATIONS everybody's",
        answer=page_of("AccessToken"),
        query=TOKEN_FIELDS,
    ),
    "DELETE /auth/v2/oauth2/tokens/{tokenId}": Operation(
        tag="Tokens",
        summary="Remove an access token: one's own, or with DELETE_AUTHORIZATIONS anybody's",
        answer=_DONE,
        errors=_BY_ID,
    ),
    "GET /auth/v2/oauth2/refreshTokens": Operation(
        tag="Tokens",
        summary="List OAuth2 refresh tokens: one's own, or with VIEW_AUTHORIZATIONS everybody's",
        answer=page_of("RefreshToken"),
        query=TOKEN_FIELDS,
    ),
    "DELETE /auth/v2/oauth2/refreshTokens/{tokenId}": Operation(
        tag="Tokens",
        summary="Remove a refresh token and its access tokens",
        answer=_DONE,
        errors=_BY_ID,
    ),
    "GET /auth/v2/applications": Operation(
        tag="Tokens",
        summary="List applications, with their credentials",
        answer=page_of("Application"),
        errors=(errors.BadQuery,),
    ),
}

_CALL = Operation(
    tag="API functions",
    summary="Call an API function; the answer is what the function makes of it",
    errors=(
        errors.NotFound,
        errors.NoSuchEndpoint,
        errors.RequestTooLarge,
        errors.InvocationFailed,
        errors.Unavailable,
        errors.FunctionFailed,
        errors.BadApiResult,
        errors.ApiTimeLimitTooLong,
        errors.TooManyApiRequests,
    ),
    statuses=("2XX", "3XX", "4XX"),
)
CALL_PATHS = ("/tasks/v1/api/{functionName}", "/tasks/v1/api/{functionName}/{path}")
CALL_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
OPERATIONS |= {f"{method} {path}": _CALL for path in CALL_PATHS for method in CALL_METHODS}
