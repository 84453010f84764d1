"""The latest run of each schedule that the scheduler has made, and what became of its task."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from taskdock.base.timing.clock import from_epoch
from taskdock.store import sql
from taskdock.store.database import Store
from taskdock.store.tables import ScheduleRow, TaskRow
from taskdock.tasks.model.task import Task
from taskdock.tasks.queue import rows, statements
from taskdock.tasks.schedules.schedule import Schedule

_LATEST = "SELECT MAX(run_timestamp) FROM schedule_run WHERE schedule_id = ?"
_MADE = sql.select(
    TaskRow,
    "WHERE start_timestamp = ? AND +function_name = ? AND data IS ? AND event_id IS NULL"
    " AND retry_for_task_ids IS NULL AND created_by_user_id IS NULL"
    " AND created_by_application_id IS NULL ORDER BY id LIMIT 1",
)
"""A task has no word of the schedule that made it; its start is the time of the run, to the
millisecond. The sign keeps SQLite to the index of start times."""
_MOST_ATTEMPTS = 10


@dataclass(frozen=True, kw_only=True)
class LastRun:
    at: datetime
    task: Task | None
    """The latest attempt; None: it is not kept any more."""


class LastRuns:
    """For any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of(self, schedules: Iterable[Schedule]) -> dict[str, LastRun]:
        """By the schedule's id; one that has not run is left out."""
        found = {schedule.id: self._of(schedule) for schedule in schedules}
        return {id: run for id, run in found.items() if run is not None}

    def _of(self, schedule: Schedule) -> LastRun | None:
        ((moment,),) = self._store.rows(_LATEST, (schedule.id,))
        if moment is None:
            return None
        data = ScheduleRow.data.db_value(schedule.data)
        made = self._store.rows(_MADE, (moment, schedule.function_name, data))
        task = rows.from_row(made[0]) if made else None
        return LastRun(at=from_epoch(moment), task=task and self._latest_attempt(task))

    def _latest_attempt(self, task: Task) -> Task:
        for _ in range(_MOST_ATTEMPTS):
            again = task.retried_by_task_id
            found = self._store.rows(statements.GET, (again,)) if again else []
            if not found:
                break
            task = rows.from_row(found[0])
        return task
