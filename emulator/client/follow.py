"""Following a task: polls the Task Service until the task has ended.

A server whose clock is moved is told that somebody waits, since nothing would happen otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import sleep

from taskdock.base.timing.clock import Clock
from taskdock.client.api import ILLEGAL_STATE, Json, TaskService
from taskdock.client.errors import ServiceError

FINAL = frozenset({"complete", "failed", "canceled"})
ENDED = FINAL | {"retried"}

_PAUSE = 0.25


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
