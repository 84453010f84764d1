"""The timetable: schedules, kept and found, and the tasks that they make when they are due.

A run is made once: its task, its row under (schedule, time) and the schedule's next time are one
transaction. Of two servers at one database the second finds the schedule moved on.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from emulator.base import ids
from emulator.base.errors import NotFound
from emulator.base.notices import Notices
from emulator.base.timing.clock import Clock, to_epoch
from emulator.lambdas.functions.catalog import Catalog
from emulator.store.database import Store
from emulator.store.query.fields import SCHEDULE_FIELDS
from emulator.store.query.model import Query
from emulator.store.query.sqlite import find
from emulator.store.tables import ScheduleRow, ScheduleRunRow
from emulator.tasks.model import checks
from emulator.tasks.model.notices import ScheduleCreated, ScheduleDeleted
from emulator.tasks.model.task import Task, new_task
from emulator.tasks.queue.queue import Queue
from emulator.tasks.schedules.schedule import Schedule, due_run, next_run


class Schedules:
    def __init__(
        self, *, store: Store, queue: Queue, catalog: Catalog, clock: Clock, notices: Notices
    ) -> None:
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

    def next_due(self) -> datetime | None:
        """When the earliest next run is or was due."""
        query = ScheduleRow.select(ScheduleRow.next_timestamp)
        row = query.order_by(ScheduleRow.next_timestamp).limit(1).first(self._store.db)
        return None if row is None else row.next_timestamp

    def turn_due(self, now: datetime) -> list[Task]:
        """Makes one task for each schedule that is due, and moves these on; the tasks made."""
        self._bring_forward()
        query = ScheduleRow.select(ScheduleRow.id).where(ScheduleRow.next_timestamp <= now)
        due = query.order_by(ScheduleRow.next_timestamp, ScheduleRow.id).execute(self._store.db)
        made = [self._turn(row.id, now) for row in list(due)]
        return [task for task in made if task is not None]

    def _bring_forward(self) -> None:
        """After the clock was set back, schedules go on from there. The run that was made last is
        not made again: it is booked."""
        if not _ahead(self._clock.now()).exists(self._store.db):
            return
        with self._store.transaction():
            now = self._clock.now()  # read when nobody can turn one
            for schedule in map(_from_row, list(_ahead(now).execute(self._store.db))):
                ScheduleRow.update(
                    next_timestamp=next_run(schedule, now), update_timestamp=now
                ).where(ScheduleRow.id == schedule.id).execute(self._store.db)

    def _turn(self, schedule_id: str, now: datetime) -> Task | None:
        """None: nothing is due any more, because it was deleted or another server was first."""
        with self._store.transaction():
            row = ScheduleRow.select().where(ScheduleRow.id == schedule_id).first(self._store.db)
            if row is None:
                return None
            schedule = _from_row(row)
            run_at = due_run(schedule, now)
            if run_at is None:
                return None
            task = self._task(schedule, run_at, now) if self._book(schedule, run_at) else None
            ScheduleRow.update(
                next_timestamp=next_run(schedule, run_at), update_timestamp=now
            ).where(ScheduleRow.id == schedule.id).execute(self._store.db)
        return task

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
    return ScheduleRow.select().where(has_run, latest > to_epoch(now))


def _to_row(schedule: Schedule) -> dict[str, Any]:
    return {**vars(schedule), "interval": schedule.interval.total_seconds()}


def _from_row(row: ScheduleRow) -> Schedule:
    return Schedule(**{**row.__data__, "interval": timedelta(seconds=row.interval)})
