"""The notices that tasks, their schedules and logs, asynchronous invocations and API requests
publish. A task, a schedule and a request are named by their id."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from taskdock.base.notices import Notice

# Tasks


@dataclass(frozen=True, kw_only=True)
class TaskCreated(Notice):
    task: str
    function: str


@dataclass(frozen=True, kw_only=True)
class TaskCanceled(Notice):
    task: str


@dataclass(frozen=True, kw_only=True)
class TaskClaimed(Notice):
    """The worker of this server has taken a task and begins it."""

    level = logging.DEBUG
    task: str
    function: str


@dataclass(frozen=True, kw_only=True)
class ExecutionBegan(Notice):
    """A direct execution begins: its task is in progress, and was never new."""

    level = logging.DEBUG
    task: str
    function: str


@dataclass(frozen=True, kw_only=True)
class TaskEnded(Notice):
    """An attempt has ended and that is committed. Published as one of the kinds below."""

    task: str
    function: str | None = None
    """None: a server that is gone had claimed it."""
    error: str | None = None
    """The name of the error, such as `TimedOut`."""


@dataclass(frozen=True, kw_only=True)
class TaskCompleted(TaskEnded):
    """Its function has answered."""


@dataclass(frozen=True, kw_only=True)
class TaskFailed(TaskEnded):
    """The task has failed for good."""


@dataclass(frozen=True, kw_only=True)
class TaskRetried(TaskEnded):
    """The task has failed, and a new task is the next attempt."""


@dataclass(frozen=True, kw_only=True)
class TaskReleased(TaskEnded):
    """The task is new again: it was not begun, or a stop has cut it off."""


@dataclass(frozen=True, kw_only=True)
class TasksRecounted(Notice):
    """The counts of tasks were not what they seemed to be."""

    level = logging.DEBUG


@dataclass(frozen=True, kw_only=True)
class ClaimLost(Notice):
    """A task, an event, a delivery to a webhook or a schedule's run has ended here whose claim was
    given back or is another server's by now; nothing was written."""

    level = logging.WARNING
    task: str | None = None
    function: str | None = None
    request: str | None = None
    event: str | None = None
    url: str | None = None
    schedule: str | None = None


@dataclass(frozen=True, kw_only=True)
class TaskNotMarked(Notice):
    """The mark by which a claimed task waits, or has begun, could not be written."""

    level = logging.WARNING
    task: str
    error: str


@dataclass(frozen=True, kw_only=True)
class ScheduleCreated(Notice):
    schedule: str
    function: str


@dataclass(frozen=True, kw_only=True)
class ScheduleDeleted(Notice):
    schedule: str


# Invocations and API requests


@dataclass(frozen=True, kw_only=True)
class FunctionInvoked(Notice):
    """An invocation whose caller waited has ended; `request` is AWS's request id."""

    function: str
    request: str


@dataclass(frozen=True, kw_only=True)
class InvocationAccepted(Notice):
    """An event is kept and will be run; `request` is AWS's request id."""

    function: str
    request: str


@dataclass(frozen=True, kw_only=True)
class InvocationSettled(Notice):
    """An attempt at an accepted event has ended and that is committed. Published as one of the
    kinds below."""

    function: str
    request: str
    error: str | None = None


@dataclass(frozen=True, kw_only=True)
class InvocationCompleted(InvocationSettled):
    """Its function has answered."""


@dataclass(frozen=True, kw_only=True)
class InvocationReleased(InvocationSettled):
    """The event waits again, as if it had not been begun."""


@dataclass(frozen=True, kw_only=True)
class InvocationPostponed(InvocationSettled):
    """The event's invocation could not be started, which spends no attempt."""

    level = logging.WARNING


@dataclass(frozen=True, kw_only=True)
class InvocationRetried(InvocationSettled):
    """The function has failed, and the event waits for its next attempt."""


@dataclass(frozen=True, kw_only=True)
class InvocationGivenUp(InvocationSettled):
    """The event's last attempt has failed, or the event can never be run."""

    level = logging.WARNING


@dataclass(frozen=True, kw_only=True)
class InvocationBroke(Notice):
    """taskdock itself has failed at a task's, an event's or a request's invocation."""

    level = logging.WARNING
    id: str
    error: str


@dataclass(frozen=True, kw_only=True)
class ApiRequestAnswered(Notice):
    request: str
    function: str
    status: int


# The server as a whole


@dataclass(frozen=True, kw_only=True)
class ServerReset(Notice):
    """Tasks and all that goes with them were removed for a test."""

    tasks: int
    ended: int
    """The number of invocations that were ended for it."""


# Writes that failed


@dataclass(frozen=True, kw_only=True)
class WritePostponed(Notice):
    """The result of `id` (a task, an event or a request) is kept, and written again until it is
    in the database."""

    level = logging.WARNING
    id: str
    error: str


@dataclass(frozen=True, kw_only=True)
class LogLinesDropped(Notice):
    """So many log lines could not be written for long and are lost."""

    level = logging.WARNING
    lines: int
    error: str
