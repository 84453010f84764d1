"""A task, its statuses and their legal moves, in one table. Pure.

Rule: nothing else changes a status. The chart in docs/architecture.md is generated from this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, TypedDict

from taskdock.base.errors import IllegalMove
from taskdock.base.strict_json import one_of

PRIORITY = range(-9007199254740991, 9007199254740992)


class Status(str, Enum):
    NEW = "new"
    """Queued; eligible when its start time has come."""
    IN_PROGRESS = "inProgress"
    """A server holds a claim on it and runs it."""
    COMPLETE = "complete"
    FAILED = "failed"
    RETRIED = "retried"
    """The task failed, and another task was made to try again."""
    CANCELED = "canceled"


class TaskMove(str, Enum):
    CLAIMED = "claimed"
    CANCELED = "canceled"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RETRIED = "retried"
    RELEASED = "released"
    """Given back by a server that stops, as if it had not begun."""
    LOST = "lost"
    """The server that ran it died: nobody knows what became of it."""


TABLE: dict[Status, dict[TaskMove, Status]] = {
    Status.NEW: {
        TaskMove.CLAIMED: Status.IN_PROGRESS,
        TaskMove.CANCELED: Status.CANCELED,
    },
    Status.IN_PROGRESS: {
        TaskMove.SUCCEEDED: Status.COMPLETE,
        TaskMove.FAILED: Status.FAILED,
        TaskMove.RETRIED: Status.RETRIED,
        TaskMove.RELEASED: Status.NEW,
        TaskMove.LOST: Status.FAILED,
    },
    Status.COMPLETE: {},
    Status.FAILED: {},
    Status.RETRIED: {},
    Status.CANCELED: {},
}

FINAL = frozenset(status for status, moves in TABLE.items() if not moves)


def move(status: Status, by: TaskMove) -> Status:
    """The status after `by`; raises `IllegalMove`."""
    try:
        return TABLE[status][by]
    except KeyError:
        raise IllegalMove(f"a task that is {status.value} cannot be {by.value}") from None


def allows(status: Status, by: TaskMove) -> bool:
    return by in TABLE[status]


class ErrorType(str, Enum):
    RUNTIME = "runtime"
    """The function's own failure."""
    INVOCATION = "invocation"
    """The task could not be started, or its end is not known."""
    RESPONSE = "response"
    """An API function's answer cannot be sent; no task has it."""


class TaskErrorJson(TypedDict):
    """A failed task's error, as callers see it."""

    type: Annotated[str, one_of(ErrorType.RUNTIME, ErrorType.INVOCATION)]
    name: str
    message: str


@dataclass(frozen=True)
class TaskError:
    type: ErrorType
    name: str
    message: str

    def to_json(self) -> TaskErrorJson:
        """The error as the database keeps it, and as callers see it."""
        return {"type": self.type.value, "name": self.name, "message": self.message}

    @classmethod
    def from_json(cls, kept: dict[str, Any]) -> TaskError:
        """The error that `to_json` made `kept` of."""
        return cls(ErrorType(kept["type"]), kept["name"], kept["message"])


ZOMBIE = TaskError(
    ErrorType.INVOCATION,
    "zombieTaskCleaned",
    "the server that ran this task stopped before it could report what became of it",
)


@dataclass(frozen=True, kw_only=True)
class Task:
    """One wish to run a function. `claim` counts claims: an ending must name the current one."""

    id: str
    function_name: str
    status: Status
    status_changed_timestamp: datetime
    data: dict[str, Any] | None = None
    tags: tuple[str, ...] | None = None
    start_timestamp: datetime
    priority: int
    created_by_application_id: str | None = None
    created_by_user_id: str | None = None
    creation_timestamp: datetime
    update_timestamp: datetime
    retried_by_task_id: str | None = None
    retry_for_task_ids: tuple[str, ...] = ()
    error: TaskError | None = None
    claim: int = 0
    event_id: str | None = None  # the service event that it was made for
    created_by_task_id: str | None = None  # the task in whose run a function made it
    direct: bool | None = None  # executed directly, while its caller waited


def new_task(
    *,
    id: str,
    function_name: str,
    data: dict[str, Any] | None,
    priority: int,
    start: datetime,
    now: datetime,
    tags: tuple[str, ...] | None = None,
    application_id: str | None = None,
    user_id: str | None = None,
    event_id: str | None = None,
    created_by_task_id: str | None = None,
    direct: bool | None = None,
) -> Task:
    """A task that is made now. `application_id` and `user_id` say for whom: None for one that
    taskdock makes by itself, for a schedule or for the service event `event_id`."""
    return Task(
        id=id,
        function_name=function_name,
        status=Status.NEW,
        status_changed_timestamp=now,
        data=data,
        tags=tags,
        start_timestamp=start,
        priority=priority,
        created_by_application_id=application_id,
        created_by_user_id=user_id,
        creation_timestamp=now,
        update_timestamp=now,
        event_id=event_id,
        created_by_task_id=created_by_task_id,
        direct=direct,
    )
