"""Worker: the poller of tasks. It claims as many that are due as it has free places, and has them
run; nothing is claimed while containers cannot be had."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock
from taskdock.tasks.model.notices import TaskClaimed
from taskdock.tasks.model.task import Task
from taskdock.tasks.queue.queue import Queue
from taskdock.tasks.queue.runner import EndedRun, Runner
from taskdock.tasks.work.poller import Poller


class Worker(Poller[Task, EndedRun]):
    name = "worker"

    def __init__(
        self,
        *,
        queue: Queue,
        runner: Runner,
        places: int,
        held: Callable[[], bool],
        clock: Clock,
        notices: Notices,
    ) -> None:
        super().__init__(places=places, held=held, clock=clock, notices=notices)
        self._queue = queue
        self._runner = runner

    def claim(self, now: datetime, limit: int) -> Sequence[Task]:
        return self._queue.claim(limit, now, self._runner.expect)

    def begin(self, work: Task, ended: Callable[[EndedRun], None]) -> None:
        self._notices.publish(TaskClaimed(task=work.id, function=work.function_name))
        self._runner.begin(work, ended)

    def settling(self, results: Sequence[EndedRun]) -> AbstractContextManager[object]:
        return self._runner.settling(results)

    def keep(self, result: EndedRun, problem: Exception) -> None:
        self._runner.keep(result, problem)

    def next_due(self) -> datetime | None:
        return self._queue.next_due()

    def bring_forward(self) -> int:
        return self._queue.bring_forward(self._clock)
