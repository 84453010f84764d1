"""Scheduler: the poller of schedules. It has the runs that are due made into tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial

from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock
from taskdock.tasks.model.notices import ClaimLost, TaskCreated
from taskdock.tasks.model.task import Task
from taskdock.tasks.schedules.schedules import DueRun, Made, Schedules
from taskdock.tasks.work.poller import Poller
from taskdock.tasks.work.unwritten import Unwritten

_BATCH = 100  # runs that are made in one transaction


class Scheduler(Poller[DueRun, DueRun]):
    """Making a run is writing it down: work has ended as soon as it is claimed."""

    name = "scheduler"

    def __init__(
        self,
        *,
        schedules: Schedules,
        unwritten: Unwritten,
        wake_worker: Callable[[], None],
        clock: Clock,
        notices: Notices,
    ) -> None:
        super().__init__(places=_BATCH, clock=clock, notices=notices)
        self._schedules = schedules
        self._unwritten = unwritten
        self._wake_worker = wake_worker

    def claim(self, now: datetime, limit: int) -> Sequence[DueRun]:
        return self._schedules.claim(now, limit)

    def begin(self, work: DueRun, ended: Callable[[DueRun], None]) -> None:
        ended(work)

    @contextmanager
    def settling(self, results: Sequence[DueRun]) -> Iterator[None]:
        now = self._clock.now()
        with self._schedules.transaction():
            made = [self._schedules.make(run, now) for run in results]
            yield
        for run, each in zip(results, made, strict=True):
            self._publish(run, each)
        if any(each.task for each in made):
            self._wake_worker()

    def keep(self, result: DueRun, problem: Exception) -> None:
        schedule = result.schedule.id
        self._unwritten.keep(schedule, partial(self.settle_all, [result]), problem)

    def run_now(self, schedule_id: str) -> Task:
        """Has a schedule's function run once more, whenever its next run is. Raises `BadId` or
        `NotFound`."""
        task = self._schedules.make_extra(schedule_id)
        self._notices.publish(TaskCreated(task=task.id, function=task.function_name))
        self._wake_worker()
        return task

    def next_due(self) -> datetime | None:
        return self._schedules.next_due()

    def bring_forward(self) -> int:
        return self._schedules.bring_forward()

    def _publish(self, run: DueRun, made: Made) -> None:
        if made.is_lost:
            self._notices.publish(ClaimLost(schedule=run.schedule.id))
        elif made.task is not None:
            task = made.task
            self._notices.publish(TaskCreated(task=task.id, function=task.function_name))
