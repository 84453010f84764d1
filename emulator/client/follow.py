"""Following a task from outside, by asking again and again until it has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import sleep

from emulator.base.timing.clock import Clock
from emulator.client.api import ILLEGAL_STATE, Json, TaskService
from emulator.client.errors import ServiceError

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
    """The task, or the last of its retries, when it is final or the time is up."""
    deadline = None if timeout is None else clock.monotonic() + timeout
    seen = None
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
            sleep(_PAUSE)


def log_lines(service: TaskService, task_id: str) -> Iterator[Json]:
    """The task's log lines as they come, until it has ended."""
    seen = 0
    while True:
        # Asked before the lines are read: what was logged by the end is then among them.
        ended = service.task(task_id)["status"] in ENDED
        for line in _lines_so_far(service, task_id, seen):
            seen += 1
            yield line
        if ended:
            return
        sleep(_PAUSE)


def _lines_so_far(service: TaskService, task_id: str, skip: int) -> Iterator[Json]:
    try:
        yield from service.logs(task_id, skip=skip)
    except ServiceError as error:
        if error.code != ILLEGAL_STATE:  # not run yet
            raise
