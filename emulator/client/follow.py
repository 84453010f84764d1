"""Following a task: polls the Task Service until the task has ended.

A server whose clock is moved is told that somebody waits, since nothing would happen otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import sleep
from typing import Any

from taskdock.base.timing.clock import Clock
from taskdock.client.api import ILLEGAL_STATE, Json, TaskService
from taskdock.client.errors import ServerLost, ServerUnreachable, ServiceError, UnknownTask

FINAL = frozenset({"complete", "failed", "canceled"})
ENDED = FINAL | {"retried"}

_PAUSE = 0.25
_LOOKS_FOR_A_RESULT = (
    20  # with a pause behind each: a run is kept a moment after its task has ended
)


@contextmanager
def under_way() -> Iterator[None]:
    """For calls about a task that exists. That the server answers no more, or has the task no more,
    is not the caller's mistake then: it raises `ServerLost`."""
    try:
        yield
    except (ServerUnreachable, UnknownTask) as error:
        raise ServerLost(error.message) from None


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
