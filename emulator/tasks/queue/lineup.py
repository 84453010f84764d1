"""The lineup: new tasks in the order in which they will be claimed, and why each has its place."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from taskdock.base.timing.clock import Clock, to_epoch
from taskdock.store import sql
from taskdock.store.database import Store
from taskdock.store.tables import TaskRow
from taskdock.tasks.model.task import Status, Task
from taskdock.tasks.queue import rows, statements

_NEW = f"WHERE status = '{Status.NEW.value}'"
_LATER = sql.select(TaskRow, f"{_NEW} AND start_timestamp > ? ORDER BY start_timestamp, id LIMIT ?")
MOST = 200
"""Places in one answer."""


@dataclass(frozen=True)
class Place:
    task: Task
    is_due: bool
    reason: str
    """Why it comes here, as a sentence without its end."""


class Lineup:
    """For any thread."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def first(self, limit: int) -> list[Place]:
        """The first places: tasks that are due, by priority, then those that wait for their time.

        Neither many that are due nor many that are not make it slow: see `Queue.claim`.
        """
        now = self._clock.now()
        moment = to_epoch(now)
        ((due,),) = self._store.rows(statements.COUNT_DUE, (moment, statements.FEW))
        first = statements.FIRST_OF_FEW if due < statements.FEW else statements.FIRST_OF_MANY
        ready = [rows.from_row(row) for row in self._store.rows(first, (moment, limit))]
        left = limit - len(ready)
        later = self._store.rows(_LATER, (moment, left)) if left else []
        return places(ready, [rows.from_row(row) for row in later], now)


def places(due: list[Task], later: list[Task], now: datetime) -> list[Place]:
    """The places of tasks that are in order. Pure."""
    earliest = [task.start_timestamp for task in due]
    found = []
    for number, task in enumerate(due):
        overtakes = any(start < task.start_timestamp for start in earliest[number + 1 :])
        found.append(Place(task, True, _why(task, number, overtakes, due)))
    return found + [Place(task, False, _wait(task)) for task in later]


def _why(task: Task, number: int, overtakes: bool, due: list[Task]) -> str:
    if overtakes:
        return f"priority {task.priority} comes before start time"
    if number and due[number - 1].priority > task.priority:
        return f"priority {task.priority} comes behind {due[number - 1].priority}"
    if number and due[number - 1].start_timestamp < task.start_timestamp:
        return "it starts later than the one before"
    return "it is due the longest" if number == 0 else "it was created later"


def _wait(task: Task) -> str:
    attempts = len(task.retry_for_task_ids)
    return f"retry {attempts} waits for its delay" if attempts else "it waits for its start time"
