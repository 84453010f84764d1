"""Waits for tasks: until a task and all its retries have ended. Nobody polls."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from taskdock.base.errors import NotFound
from taskdock.base.timing.places import place
from taskdock.tasks.agenda.driver import Driver
from taskdock.tasks.model import checks
from taskdock.tasks.model.task import FINAL, Task
from taskdock.tasks.queue.queue import Queue


@dataclass(frozen=True)
class Waited:
    """All attempts of a task, the oldest first; `ended`: whether none is to come."""

    attempts: list[Task]
    ended: bool


class TaskWaits:
    """For any thread that may wait."""

    def __init__(self, *, queue: Queue, driver: Driver, places: int) -> None:
        """`places`: the maximum number of calls that wait at a time."""
        self._queue = queue
        self._driver = driver
        self._places = threading.BoundedSemaphore(places)

    def wait(self, task_id: str, limit: float) -> Waited:
        """Waits `limit` seconds of real time at most. In mode auto the clock moves meanwhile.

        Raises `BadId`, `NotFound`, `TooManyWaits`, and `EndlessWait` where the task cannot end
        because the clock stands still.
        """
        attempts = self._earlier(self._queue.get(checks.object_id(task_id)))

        def has_ended() -> bool:
            return self._follow(attempts)

        if has_ended():
            return Waited(attempts, ended=True)
        with place(self._places):
            what = f"the task {task_id} of {attempts[-1].function_name}"
            ended = self._driver.until(has_ended, limit, what)
        return Waited(attempts, ended)

    def _earlier(self, task: Task) -> list[Task]:
        """The task with those before it; retention may have removed some."""
        found = []
        for earlier in task.retry_for_task_ids:
            try:
                found.append(self._queue.get(earlier))
            except NotFound:
                continue
        return [*found, task]

    def _follow(self, attempts: list[Task]) -> bool:
        """Brings `attempts` up to date; whether the last one has ended for good."""
        while True:
            if attempts[-1].status not in FINAL:
                attempts[-1] = self._queue.get(attempts[-1].id)
            last = attempts[-1]
            if last.status not in FINAL:
                return False
            if last.retried_by_task_id is None:
                return True
            attempts.append(self._queue.get(last.retried_by_task_id))
