"""Following a task: polls the Task Service until the task has ended.

A call of a function becomes such a task where the function may not be executed directly.

A server whose clock is moved is told that somebody waits, since nothing would happen otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import sleep
from typing import Any

from taskdock.base.errors import TaskdockError
from taskdock.base.timing.clock import Clock
from taskdock.client.api import (
    FUNCTION_FAILED,
    ILLEGAL_STATE,
    TIME_LIMIT_TOO_LONG,
    Json,
    TaskService,
)
from taskdock.client.connection import SECONDS_TO_ANSWER
from taskdock.client.errors import ServerLost, ServerUnreachable, ServiceError, UnknownTask

FINAL = frozenset({"complete", "failed", "canceled"})
ENDED = FINAL | {"retried"}
NO_RESULT = "this server keeps no results of queued tasks (--harness, --history)"

_PAUSE = 0.25
_LOOKS_FOR_A_RESULT = (
    20  # with a pause behind each: a run is kept a moment after its task has ended
)


@contextmanager
def under_way() -> Iterator[None]:
    """For calls about a task or a debug session that exists. That the server answers no more, or
    has the task no more, is not the caller's mistake then: it raises `ServerLost`."""
    try:
        yield
    except (ServerUnreachable, UnknownTask) as error:
        raise ServerLost(error.message) from None


@dataclass(frozen=True)
class CallEnd:
    """The end of a function's call."""

    task_id: str
    result: Any = None
    has_result: bool = True
    """False: it was queued, and the server keeps no results of queued tasks; or it has failed."""
    error: Json | None = None
    """Name and message. None: it has not failed."""


def call(
    service: TaskService,
    function_name: str,
    data: Any,
    *,
    clock: Clock,
    seconds: float = SECONDS_TO_ANSWER,
) -> CallEnd:
    """Executes the function directly, or queues a task and waits for it without limit where its
    time limit is over that of direct executions.

    `data`: None for none. `seconds`: to wait for the answer of a direct execution. Raises
    `ServiceError` where it was refused, `ServerLost`, and `TaskdockError` for a task that was
    canceled.
    """
    try:
        task = service.execute(function_name, data, seconds=seconds)
    except ServiceError as error:
        if error.code == FUNCTION_FAILED:
            answer = error.answer
            return CallEnd(answer["taskId"], has_result=False, error=answer["runtimeError"])
        if error.code != TIME_LIMIT_TOO_LONG:
            raise
    else:
        return CallEnd(task["id"], task.get("result"))
    body = {"functionName": function_name} | ({} if data is None else {"data": data})
    task_id = service.create_task(body)["id"]
    with under_way():
        task = until_final(service, task_id, clock=clock, timeout=None, on_change=lambda _: None)
        if task["status"] == "complete":
            has_result, result = result_of(service, task["id"])
            return CallEnd(task["id"], result, has_result)
    if "error" not in task:
        raise TaskdockError(f"the task {task['id']} was {task['status']}: it has not run")
    return CallEnd(task["id"], has_result=False, error=task["error"])


def until_final(
    service: TaskService,
    task_id: str,
    *,
    clock: Clock,
    timeout: float | None,
    on_change: Callable[[Json], None],
) -> Json:
    """Waits until the task is final, and returns it; after retries, the last of them.

    `on_change` is called with the task at each new status. After `timeout` seconds the task is
    returned as it is; None waits without limit. Raises `ServiceError` where the clock of the server
    stands still, so that the task cannot end.
    """
    deadline = None if timeout is None else clock.monotonic() + timeout
    pause, seen = _pause(service), None
    while True:
        task = service.task(task_id)
        if (task_id, task["status"]) != seen:
            seen = (task_id, task["status"])
            on_change(task)
        if task["status"] in FINAL or (deadline is not None and clock.monotonic() >= deadline):
            return task
        if task["status"] == "retried":
            task_id = task["retriedByTaskId"]
        else:
            pause(task_id)


def log_lines(service: TaskService, task_id: str) -> Iterator[Json]:
    """The task's log lines as they are written, until the task has ended."""
    pause, seen = _pause(service), 0
    while True:
        # The status is read before the lines, so that an ended task's lines are all there.
        ended = service.task(task_id)["status"] in ENDED
        for line in lines_so_far(service, task_id, seen):
            seen += 1
            yield line
        if ended:
            return
        pause(task_id)


def result_of(service: TaskService, task_id: str) -> tuple[bool, Any]:
    """Whether the server has kept the result of a task that is complete, and that result. The task
    itself has none, and the run has, where the server keeps runs."""
    path = f"/taskdock/runs?taskId={task_id}&limit=1"
    try:
        for _ in range(_LOOKS_FOR_A_RESULT):
            found = service.call("GET", path)["data"]
            if found:
                return "answer" in found[-1], found[-1].get("answer")
            sleep(_PAUSE)
    except ServiceError:  # the harness is off
        pass
    return False, None


def _pause(service: TaskService) -> Callable[[str], object]:
    """A function that takes a moment, in which a task may go on."""
    if service.has_moved_clock():
        return lambda task_id: service.await_task(task_id, _PAUSE)
    return lambda task_id: sleep(_PAUSE)


def lines_so_far(service: TaskService, task_id: str, skip: int = 0) -> Iterator[Json]:
    """The task's log lines from line `skip` on; none where it has not run yet."""
    try:
        yield from service.logs(task_id, skip=skip)
    except ServiceError as error:
        if error.code != ILLEGAL_STATE:  # the task has not run yet
            raise
