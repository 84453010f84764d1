"""What answers look like, as JSON schemas for the API's description.

Kept strict, with no field left open, so that a fuzz test sees when an answer and this differ.
"""

from __future__ import annotations

from typing import Any

from emulator.lambdas.functions.function import PermissionMode
from emulator.lambdas.functions.images_in_use import ImageState
from emulator.lambdas.lifecycle import State
from emulator.lambdas.pool.waiters import Wait
from emulator.tasks.model.task import ErrorType, Status
from emulator.tasks.retention.retention import NAMES

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
WHOLE: Json = {"type": "integer"}
NUMBER: Json = {"type": "number"}
FLAG: Json = {"type": "boolean"}
FREE: Json = {"type": "object"}
ID: Json = {"type": "string", "pattern": "^[0-9a-f]{24}$", "examples": ["67a1f0c2d3e4f5a6b7c8d9e0"]}
MOMENT: Json = {
    "type": "string",
    "format": "date-time",
    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
    "examples": ["2026-01-02T03:04:05.678Z"],
}


def ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}


def record(required: dict[str, Json], optional: dict[str, Json] | None = None) -> Json:
    """An object with these fields and no others; optional ones are left out, never null."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


def many(items: Json) -> Json:
    return {"type": "array", "items": items}


def one_of(*values: str) -> Json:
    return {"type": "string", "enum": list(values)}


def page_of(name: str) -> Json:
    """A page of a list. With `select(...)` in the query, items have the selected fields only."""
    return record(
        {
            "query": TEXT,
            "page": record({"offset": WHOLE, "limit": WHOLE}, {"total": WHOLE}),
            "data": many(ref(name)),
        }
    )


def page_without_query(name: str) -> Json:
    page = record({"offset": WHOLE, "limit": WHOLE}, {"total": WHOLE})
    return record({"page": page, "data": many(ref(name))})


def _error(*types: ErrorType) -> Json:
    return record({"type": one_of(*types), "name": TEXT, "message": TEXT})


_TIMES = {"creationTimestamp": MOMENT, "updateTimestamp": MOMENT}
_TASK_ERROR = _error(ErrorType.RUNTIME, ErrorType.INVOCATION)
_TASK = {
    "id": ID,
    "functionName": TEXT,
    "status": one_of(*Status),
    "statusChangedTimestamp": MOMENT,
    "startTimestamp": MOMENT,
    "priority": WHOLE,
    **_TIMES,
}
_TASK_OPTIONAL = {
    "data": FREE,
    "tags": many(TEXT),
    "createdByApplicationId": ID,
    "createdByUserId": ID,
    "retriedByTaskId": ID,
    "retryForTaskIds": many(ID),
    "error": _TASK_ERROR,
}
_TOKEN = {
    "id": ID,
    "applicationId": ID,
    "userId": ID,
    "lastUsedTimestamp": MOMENT,
    **_TIMES,
}

_TROUBLE = record(
    {
        "name": TEXT,
        "reason": TEXT,
        "sinceTimestamp": MOMENT,
        "severity": one_of("failing", "degraded"),
    }
)

SCHEMAS: dict[str, Json] = {
    "Error": {
        "type": "object",
        "properties": {"code": WHOLE, "name": TEXT, "message": TEXT},
        "required": ["code", "name", "message"],
    },
    "AffectedRecords": record({"affectedRecords": WHOLE}),
    "Health": record(
        {"status": one_of("ok", "failing")},
        {"version": TEXT, "environments": WHOLE, "troubles": many(_TROUBLE)},
    ),
    "Status": record(
        {
            "version": TEXT,
            "url": TEXT,
            "startTimestamp": MOMENT,
            "environments": many(
                record(
                    {"functionName": TEXT, "state": one_of(*State), "memory": WHOLE},
                    {"idleSince": MOMENT},
                )
            ),
            "prepared": many(
                record({"runtime": TEXT, "memory": WHOLE, "count": WHOLE, "wanted": WHOLE})
            ),
            "waiting": many(
                record(
                    {
                        "functionName": TEXT,
                        "memory": WHOLE,
                        "calls": WHOLE,
                        "waitingSince": MOMENT,
                        "reason": one_of(*(wait.value for wait in Wait)),
                    }
                )
            ),
            "images": many(
                record(
                    {"wanted": TEXT, "state": one_of(*ImageState)},
                    {"image": TEXT, "standInFor": TEXT, "reason": TEXT},
                )
            ),
            "memory": record({"budget": WHOLE, "held": WHOLE}),
            "troubles": many(_TROUBLE),
        },
        {  # left out while the database cannot be read
            "tasks": record({"new": WHOLE, "inProgress": WHOLE}),
            "stored": record(
                {
                    "size": {**WHOLE, "description": "bytes of the database that are in use"},
                    "fileSize": {**WHOLE, "description": "bytes of its file, free pages included"},
                    "logSize": {**WHOLE, "description": "bytes of its write-ahead log"},
                    "removed": {
                        **record(dict.fromkeys(NAMES, WHOLE)),
                        "description": "rows that were removed since the start",
                    },
                },
                {
                    "limit": {**WHOLE, "description": "bytes from which on the oldest go"},
                    "keepDays": {**NUMBER, "description": "days after which all goes"},
                    "oldestTimestamp": MOMENT,
                },
            ),
        },
    ),
    "Task": record(_TASK, _TASK_OPTIONAL),
    "TaskWithResult": record(
        {**_TASK, "result": {"description": "what the function returned; not stored"}},
        _TASK_OPTIONAL,
    ),
    "LogLine": record({"timestamp": MOMENT, "message": TEXT}),
    "FunctionLogLine": record({"eventTimestamp": MOMENT, "message": TEXT}),
    "Function": record({"name": TEXT, "updateTimestamp": MOMENT}, {"description": TEXT}),
    "FunctionDetails": record(
        {
            "name": TEXT,
            "timeLimit": WHOLE,
            "memoryLimit": WHOLE,
            "environmentVariables": {
                "type": "object",
                "additionalProperties": record({"value": TEXT}),
            },
            "retryPolicy": record({"enabled": FLAG, "errorsToRetry": many(TEXT)}),
            "executionOptions": record(
                {"permissionMode": one_of(*PermissionMode)}, {"defaultPriority": WHOLE}
            ),
            "enabled": FLAG,
            "updateTimestamp": MOMENT,
        },
        {"description": TEXT, "entryPoint": TEXT, "runtime": TEXT, "image": TEXT},
    ),
    "ApiRequest": record(
        {
            "id": ID,
            "functionName": TEXT,
            "method": TEXT,
            "path": TEXT,
            "timestamp": MOMENT,
            "statusCode": WHOLE,
            "duration": {**NUMBER, "description": "seconds"},
        },
        {"userId": ID, "applicationId": ID, "error": _error(*ErrorType)},
    ),
    "Schedule": record(
        {
            "id": ID,
            "interval": {**NUMBER, "description": "seconds"},
            "functionName": TEXT,
            "startTimestamp": MOMENT,
            "nextTimestamp": MOMENT,
            **_TIMES,
        },
        {"data": FREE, "priority": WHOLE},
    ),
    "Event": record(
        {
            "id": ID,
            "type": TEXT,
            "content": record({"id": ID, "functionName": TEXT}, {"error": _TASK_ERROR}),
            **_TIMES,
        }
    ),
    "Subscription": record(
        {"id": ID, "eventTypes": many(TEXT), **_TIMES}, {"functionName": TEXT, "url": TEXT}
    ),
    "Permission": record({"name": TEXT, "description": TEXT}),
    "Role": record(
        {
            "id": ID,
            "name": TEXT,
            "description": TEXT,
            "permissions": many(ref("Permission")),
            **_TIMES,
        }
    ),
    "User": record(
        {
            "id": ID,
            "email": TEXT,
            "firstName": TEXT,
            "lastName": TEXT,
            "phoneNumber": TEXT,
            "language": TEXT,
            "timeZone": TEXT,
            "activation": FLAG,
            "roles": many(ref("Role")),
            **_TIMES,
        }
    ),
    "EmailAvailable": record({"emailAvailable": FLAG}),
    "OAuth1Token": record({**_TOKEN, "token": TEXT}, {"tokenSecret": TEXT}),
    "AccessToken": record({**_TOKEN, "refreshTokenId": ID, "expiryTimestamp": MOMENT}),
    "RefreshToken": record(_TOKEN),
    "TokenPair": record(
        {
            "token_type": one_of("bearer"),
            "access_token": TEXT,
            "expires_in": {**NUMBER, "description": "seconds"},
            "refresh_token": TEXT,
            "application_id": ID,
            "user_id": ID,
            "creation_timestamp": MOMENT,
        }
    ),
    "Application": record(
        {
            "id": ID,
            "name": TEXT,
            "description": TEXT,
            "type": one_of("oauth1"),
            "versions": many(
                record(
                    {
                        "id": ID,
                        "name": TEXT,
                        "consumerKey": TEXT,
                        "consumerSecret": TEXT,
                        "clientId": TEXT,
                        "clientSecret": TEXT,
                        "creationTimestamp": MOMENT,
                    }
                )
            ),
            **_TIMES,
        }
    ),
}
