"""The lineup: new tasks in the order in which they will be claimed, and why each has its place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import accumulate

from taskdock.base.timing.clock import Clock, from_epoch, to_epoch
from taskdock.store import sql
from taskdock.store.database import Store
from taskdock.store.tables import TaskRow
from taskdock.tasks.model.task import Status, Task, TaskError
from taskdock.tasks.queue import rows, statements
from taskdock.tasks.work.delays import TASKS

_NEW = f"WHERE status = '{Status.NEW.value}'"
_IS_RETRY, _IS_FIRST = "retry_for_task_ids IS NOT NULL", "retry_for_task_ids IS NULL"
# Among those with one start time the row's number stands for the age, by which the index of times
# has them already: the ids of a million of them would have to be sorted.
_LATER = f"{_NEW} AND start_timestamp > ? {{}} ORDER BY start_timestamp, rowid LIMIT ?"
_ANY_LATER = sql.select(TaskRow, _LATER.format(""))
_WAITING = sql.select(TaskRow, _LATER.format(f"AND {_IS_FIRST}"))
_RETRIES = sql.select(TaskRow, _LATER.format(f"AND start_timestamp <= ? AND {_IS_RETRY}"))
_COUNTS = f"""SELECT
    (SELECT COUNT(*) FROM (SELECT 1 FROM task {_NEW} AND start_timestamp <= ?1 LIMIT ?3)),
    (SELECT COUNT(*) FROM
        (SELECT 1 FROM task {_NEW} AND start_timestamp > ?1 AND {_IS_FIRST} LIMIT ?3)),
    (SELECT COUNT(*) FROM (SELECT 1 FROM task {_NEW} AND start_timestamp > ?1
        AND start_timestamp <= ?2 AND {_IS_RETRY} LIMIT ?3))"""  # noqa: S608
_ERRORS = "SELECT id, error FROM task WHERE id IN ({})"
MOST = 200
"""Places in one answer."""
COUNTED = 1000
"""A count that stands for itself and for more."""
_NEVER = datetime.max.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class QueuePlace:
    task: Task
    is_due: bool
    reason: str
    """Why it comes here, as a sentence without its end."""


@dataclass(frozen=True, kw_only=True)
class ComingRetry:
    """A task that tries again what another one has failed at, and waits for its delay."""

    task: Task
    error: TaskError | None
    """The other one's; None: it is not kept any more."""

    @property
    def failed(self) -> str:
        """The id of the other one."""
        return self.task.retry_for_task_ids[-1]

    @property
    def attempt(self) -> int:
        return len(self.task.retry_for_task_ids) + 1


@dataclass(frozen=True, kw_only=True)
class NewTasks:
    """The new tasks by what they wait for; of each kind the first ones, and how many there are:
    `COUNTED` stands for more, too."""

    now: datetime
    due: Sequence[QueuePlace]
    waiting: Sequence[QueuePlace]
    retries: Sequence[ComingRetry]
    due_count: int
    waiting_count: int
    retry_count: int


class Lineup:
    """For any thread. Neither many tasks that are due nor many that are not make it slow: see
    `Queue.claim`."""

    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def first(self, limit: int) -> list[QueuePlace]:
        """The first places: tasks that are due, by priority, then those that wait for their time,
        by that."""
        now = self._clock.now()
        due = self._due(now, limit)
        left = limit - len(due)
        later = self._tasks(_ANY_LATER, to_epoch(now), left) if left else []
        return [*due, *_waiting(later)]

    def look(self, limit: int) -> NewTasks:
        """The first of each kind."""
        now = self._clock.now()
        moment, longest = to_epoch(now), to_epoch(now + TASKS.longest)
        retries = self._tasks(_RETRIES, moment, longest, limit)
        errors = self._errors(retries)
        ((due, waiting, retry),) = self._store.rows(_COUNTS, (moment, longest, COUNTED))
        return NewTasks(
            now=now,
            due=self._due(now, limit),
            waiting=_waiting(self._tasks(_WAITING, moment, limit)),
            retries=[
                ComingRetry(task=task, error=errors.get(task.retry_for_task_ids[-1]))
                for task in retries
            ],
            due_count=due,
            waiting_count=waiting,
            retry_count=retry,
        )

    def _due(self, now: datetime, limit: int) -> list[QueuePlace]:
        moment = to_epoch(now)
        ((due,),) = self._store.rows(statements.COUNT_DUE, (moment, statements.FEW))
        first = statements.FIRST_OF_FEW if due < statements.FEW else statements.FIRST_OF_MANY
        tasks = self._tasks(first, moment, limit)
        ((earliest,),) = self._store.rows(statements.NEXT_DUE)
        return due_places(tasks, now if earliest is None else from_epoch(earliest))

    def _tasks(self, statement: str, *values: int) -> list[Task]:
        return [rows.from_row(row) for row in self._store.rows(statement, values)]

    def _errors(self, retries: Sequence[Task]) -> dict[str, TaskError]:
        failed = [task.retry_for_task_ids[-1] for task in retries]
        if not failed:
            return {}
        found = self._store.rows(_ERRORS.format(sql.placeholders(len(failed))), failed)
        kept = {id: TaskRow.error.python_value(error) for id, error in found if error is not None}
        return {id: TaskError.from_json(error) for id, error in kept.items()}


def due_places(tasks: Sequence[Task], earliest: datetime) -> list[QueuePlace]:
    """The places of due tasks that are in order. `earliest`: the start time of the one that has
    been due the longest, which need not be among them. Pure."""
    starts = [task.start_timestamp for task in tasks]
    starts.append(_NEVER if earliest in starts else earliest)  # behind all that are here
    behind = list(accumulate(reversed(starts), min))[::-1]  # the earliest from each place on
    found = []
    for number, task in enumerate(tasks):
        overtakes = behind[number + 1] < task.start_timestamp
        reason = f"priority {task.priority} comes before start time"
        if not overtakes:
            reason = _why(task, tasks[number - 1]) if number else _why_first(tasks)
        found.append(QueuePlace(task, True, reason))
    return found


def _why_first(tasks: Sequence[Task]) -> str:
    """Why the first one comes first, which overtakes nobody."""
    first, *others = tasks
    for other in others:
        if other.priority < first.priority and other.start_timestamp == first.start_timestamp:
            return f"priority {first.priority} comes before priority {other.priority}"
    return "due the longest"


def _why(task: Task, before: Task) -> str:
    if before.priority > task.priority:
        return f"priority {task.priority} comes after priority {before.priority}"
    if before.start_timestamp < task.start_timestamp:
        return "the same priority, a later start time"
    return "the same start time, created later"


def _waiting(tasks: Sequence[Task]) -> list[QueuePlace]:
    return [QueuePlace(task, False, _wait(task)) for task in tasks]


def _wait(task: Task) -> str:
    attempts = len(task.retry_for_task_ids)
    return f"retry {attempts} waits for its delay" if attempts else "it waits for its start time"
