"""Schedules, kept and found, and the tasks that they make when they are due.

A run is made once: its task, its row under (schedule, time) and the schedule's next time are one
transaction, which changes nothing unless the schedule is still claimed for it.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from taskdock.base import ids
from taskdock.base.errors import NotFound
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock, to_epoch
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.store.database import Store
from taskdock.store.query.fields import SCHEDULE_FIELDS
from taskdock.store.query.model import Query
from taskdock.store.query.sqlite import find
from taskdock.store.tables import ScheduleRow, ScheduleRunRow
from taskdock.tasks.model import checks
from taskdock.tasks.model.notices import ScheduleCreated, ScheduleDeleted
from taskdock.tasks.model.task import Task, new_task
from taskdock.tasks.queue.queue import Queue
from taskdock.tasks.schedules.schedule import Schedule, due_run, next_run
from taskdock.tasks.work.claims import Claim, ClaimTable, epochs


@dataclass(frozen=True)
class DueRun:
    """A schedule that is claimed, and the time of the run that is to be made."""

    schedule: Schedule
    at: datetime
    claim: Claim


@dataclass(frozen=True)
class Made:
    """The result of a run: `task` was made, or is None where the run's time has a task already.
    `is_lost`: the claim was lost, and nothing changed."""

    task: Task | None = None
    is_lost: bool = False


class Schedules:
    def __init__(
        self,
        *,
        store: Store,
        server: str,
        queue: Queue,
        catalog: Catalog,
        clock: Clock,
        notices: Notices,
    ) -> None:
        """`server`: the name that this server's claims carry."""
        self.claims = ClaimTable(store, ScheduleRow, key="id", due="next_timestamp", server=server)
        self._store = store
        self._queue = queue
        self._catalog = catalog
        self._clock = clock
        self._notices = notices

    def create(
        self,
        *,
        function_name: str,
        interval: timedelta,
        data: dict[str, Any] | None = None,
        priority: int | None = None,
        start: datetime | None = None,
    ) -> Schedule:
        """A new schedule. That its function exists is seen when its tasks run, as with any task."""
        now = self._clock.now()
        schedule = Schedule(
            id=ids.object_id(now),
            function_name=function_name,
            interval=interval,
            data=data,
            priority=priority,
            start_timestamp=start or now,
            next_timestamp=start or now,
            creation_timestamp=now,
            update_timestamp=now,
        )
        ScheduleRow.insert(**_to_row(schedule)).execute(self._store.db)
        self._notices.publish(ScheduleCreated(schedule=schedule.id, function=function_name))
        return schedule

    def remove(self, schedule_id: str) -> None:
        """No task is made after this; those that were made stay. Raises `BadId` or `NotFound`."""
        checks.object_id(schedule_id)
        mine, runs = ScheduleRow.id == schedule_id, ScheduleRunRow.schedule_id == schedule_id
        with self._store.transaction():
            if not ScheduleRow.delete().where(mine).execute(self._store.db):
                raise NotFound(f"there is no schedule {schedule_id}")
            ScheduleRunRow.delete().where(runs).execute(self._store.db)
        self._notices.publish(ScheduleDeleted(schedule=schedule_id))

    def find(self, query: Query) -> tuple[list[Schedule], int | None]:
        """One page of schedules, and how many there are in all. Raises `BadQuery`."""
        rows, total = find(self._store.db, ScheduleRow, SCHEDULE_FIELDS, query)
        return [_from_row(row) for row in rows], total

    def nearest(self, limit: int) -> list[Schedule]:
        """The first schedules, by their next run."""
        query = ScheduleRow.select().order_by(ScheduleRow.next_timestamp, ScheduleRow.id)
        return [_from_row(row) for row in query.limit(limit).execute(self._store.db)]

    def make_extra(self, schedule_id: str) -> Task:
        """Makes a task as the schedule would if it had a run now; the schedule stays as it is.
        Raises `BadId` or `NotFound`."""
        query = ScheduleRow.select().where(ScheduleRow.id == checks.object_id(schedule_id))
        with self._store.transaction():
            rows = list(query.execute(self._store.db))
            if not rows:
                raise NotFound(f"there is no schedule {schedule_id}")
            now = self._clock.now()
            return self._task(_from_row(rows[0]), now, now)

    def next_due(self) -> datetime | None:
        """The time at which the earliest next run that nobody makes is or was due."""
        return self.claims.next_due()

    def claim(self, now: datetime, limit: int) -> list[DueRun]:
        """Claims up to `limit` schedules that are due: the run of each that is to be made now."""
        with self.claims.claim(now, limit) as claims:
            if not claims:
                return []
            query = ScheduleRow.select().where(ScheduleRow.id.in_(list(claims)))
            rows = query.order_by(ScheduleRow.next_timestamp, ScheduleRow.id).execute(
                self._store.db
            )
            due = []
            for schedule in map(_from_row, rows):
                run_at = due_run(schedule, now)
                if run_at is not None:
                    due.append(DueRun(schedule, run_at, claims[schedule.id]))
            return due

    def make(self, run: DueRun, now: datetime) -> Made:
        """Makes a run's task, and moves its schedule on. Only inside a transaction."""
        schedule = run.schedule
        moved = epochs(next_timestamp=next_run(schedule, run.at), update_timestamp=now)
        if not self.claims.give_back(schedule.id, run.claim, moved):
            return Made(is_lost=self.claims.is_there(schedule.id))  # else it was deleted
        return Made(self._task(schedule, run.at, now) if self._book(schedule, run.at) else None)

    def transaction(self) -> AbstractContextManager[None]:
        """A transaction for several runs."""
        return self._store.transaction()

    def bring_forward(self) -> int:
        """After the clock was set back, schedules go on from there; how many. The run that was made
        last is not made again: it is booked."""
        if not _ahead(self._clock.now()).exists(self._store.db):
            return 0
        with self._store.transaction():
            now = self._clock.now()  # read when nobody can claim one
            ahead = [_from_row(row) for row in list(_ahead(now).execute(self._store.db))]
            for schedule in ahead:
                ScheduleRow.update(
                    next_timestamp=next_run(schedule, now), update_timestamp=now
                ).where(ScheduleRow.id == schedule.id).execute(self._store.db)
        return len(ahead)

    def _book(self, schedule: Schedule, run_at: datetime) -> bool:
        """Takes the run's row, in place of the schedule's earlier ones; False: it is taken."""
        earlier = ScheduleRunRow.run_timestamp < run_at
        ScheduleRunRow.delete().where(ScheduleRunRow.schedule_id == schedule.id, earlier).execute(
            self._store.db
        )
        row = ScheduleRunRow.insert(schedule_id=schedule.id, run_timestamp=run_at)
        booked: int = row.on_conflict_ignore().as_rowcount().execute(self._store.db)
        return booked == 1

    def _task(self, schedule: Schedule, run_at: datetime, now: datetime) -> Task:
        priority = schedule.priority
        if priority is None:
            priority = self._catalog.default_priority(schedule.function_name)
        task = new_task(
            id=ids.object_id(now),
            function_name=schedule.function_name,
            data=schedule.data,
            priority=priority,
            start=run_at,
            now=now,
        )
        self._queue.enqueue(task)
        return task


def _ahead(now: datetime) -> Any:
    """Asks for the schedules whose latest run is still to come."""
    latest = ScheduleRow.next_timestamp - ScheduleRow.interval * 1000
    has_run = ScheduleRow.next_timestamp > ScheduleRow.start_timestamp
    return ScheduleRow.select().where(
        ScheduleRow.claimed_by.is_null(), has_run, latest > to_epoch(now)
    )


def _to_row(schedule: Schedule) -> dict[str, Any]:
    return {**vars(schedule), "interval": schedule.interval.total_seconds()}


def _from_row(row: ScheduleRow) -> Schedule:
    values = {**row.__data__, "interval": timedelta(seconds=row.interval)}
    del values["claimed_by"], values["claim"]
    return Schedule(**values)
