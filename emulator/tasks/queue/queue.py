"""The queue: every change of a task's status, each one transaction, each fenced by its claim.

An ending says which claim it ends. Where the task has moved on meanwhile it changes nothing and
says so, and the caller drops its result. Inside another transaction, a change is part of that.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from peewee import fn

from emulator.base import ids
from emulator.base.errors import IllegalState, NotFound
from emulator.base.timing.clock import Clock, from_epoch, to_epoch
from emulator.store import sql
from emulator.store.database import Store
from emulator.store.query.fields import TASK_FIELDS
from emulator.store.query.model import Query
from emulator.store.query.sqlite import find
from emulator.store.tables import TagRow, TaskRow
from emulator.tasks.events.events import Events
from emulator.tasks.model.task import ZOMBIE, Move, Status, Task, TaskError, allows, move
from emulator.tasks.queue import rows as task_rows
from emulator.tasks.queue.ending import Ending
from emulator.tasks.queue.retry import DELAYS

# A status that is written out lets SQLite use the indexes of new tasks alone.
_NEW = f"WHERE status = '{Status.NEW.value}'"
_CLAIMED = ("status", "status_changed_timestamp", "update_timestamp", "claimed_by")

_INSERT = sql.insert(TaskRow)
_INSERT_TAG = sql.insert(TagRow)
_GET = sql.select(TaskRow, "WHERE id = ?")
_COUNT_DUE = f"""SELECT COUNT(*) FROM
    (SELECT 1 FROM task {_NEW} AND start_timestamp <= ? LIMIT ?) AS due"""  # noqa: S608
_FIRST = f"{_NEW} AND {{}} <= ? ORDER BY priority DESC, start_timestamp, id LIMIT ?"
_FIRST_OF_FEW = sql.select(TaskRow, _FIRST.format("start_timestamp"))
_FIRST_OF_MANY = sql.select(TaskRow, _FIRST.format("start_timestamp + 0"))
"""By the queue's own index, in order; a start time that is computed keeps that of times out."""
_FEW = 100  # tasks that are sorted in less time than it takes to pass over others
_NEXT_DUE = f"SELECT MIN(start_timestamp) FROM task {_NEW}"  # noqa: S608
_CLAIM = sql.update(TaskRow, _CLAIMED, ", claim = claim + 1, waiting = 0 WHERE id IN ({})")
_MINE = f"WHERE id = ? AND status = '{Status.IN_PROGRESS.value}' AND claimed_by = ? AND claim = ?"
_MARK = sql.update(TaskRow, ("waiting",), _MINE)
_END = sql.update(TaskRow, task_rows.ENDING, _MINE)
_WRITE = sql.update(TaskRow, task_rows.ENDING, "WHERE id = ?")
_AHEAD = sql.select(
    TaskRow,
    f"{_NEW} AND creation_timestamp > ? AND start_timestamp + 0 > ?"
    f" AND start_timestamp <= creation_timestamp + {DELAYS[-1] // timedelta(milliseconds=1)}",
)
_START = f"UPDATE task SET start_timestamp = ?, update_timestamp = ? {_NEW} AND id = ?"  # noqa: S608


class Queue:
    def __init__(self, *, store: Store, server: str, events: Events) -> None:
        """`server`: the name that this server's claims carry; `events` records every failure."""
        self._store = store
        self._server = server
        self._events = events

    def enqueue(self, task: Task) -> None:
        self._insert(task)

    def enqueue_claimed(self, task: Task, now: datetime) -> Task:
        """Inserts it already claimed by this server, so that no worker can take it."""
        claimed = _moved(task, Move.CLAIMED, now, claim=1)
        self._insert(claimed, claimed_by=self._server)
        return claimed

    def claim(self, limit: int, now: datetime) -> list[Task]:
        """Claims up to `limit` tasks that are due: by priority, then start time, then creation.

        Neither many that are due nor many that are not make it slow: few are sorted, and of many
        the first ones are read in their order.
        """
        moment = to_epoch(now)
        ((due,),) = self._store.rows(_COUNT_DUE, (moment, _FEW))
        if not due:
            return []
        first = _FIRST_OF_FEW if due < _FEW else _FIRST_OF_MANY
        with self._store.transaction():
            rows = self._store.rows(first, (moment, limit))
            tasks = [task_rows.from_row(row) for row in rows]
            if not tasks:  # others were first
                return []
            claimed = [_moved(task, Move.CLAIMED, now, claim=task.claim + 1) for task in tasks]
            self._store.change(
                _CLAIM.format(sql.placeholders(len(tasks))),
                (Status.IN_PROGRESS.value, moment, moment, self._server, *[t.id for t in tasks]),
            )
        return claimed

    def mark(self, task: Task, *, waiting: bool) -> bool:
        """Keeps whether a claimed task has surely not begun; False: the claim was lost."""
        return self._store.change(_MARK, (waiting, task.id, self._server, task.claim)) > 0

    def bring_forward(self, clock: Clock) -> int:
        """How many tasks are due now that were meant to start when they were made, or a moment
        later, by a clock that has been set back since. A start time that was asked for stays."""
        moment = to_epoch(clock.now())
        if not self._store.rows(_AHEAD, (moment, moment)):
            return 0
        with self._store.transaction():
            rows = self._store.rows(_AHEAD, (moment, moment))
            now = clock.now()  # read behind them: what others have just made is not ahead of it
            found = map(task_rows.from_row, rows)
            ahead = [task for task in found if task.creation_timestamp > now]
            for task in ahead:
                delay = max(task.start_timestamp - task.creation_timestamp, timedelta(0))
                self._store.change(_START, (to_epoch(now + delay), to_epoch(now), task.id))
        return len(ahead)

    def depth(self) -> dict[Status, int]:
        """How many tasks are new, and how many in progress."""
        statuses = (Status.NEW, Status.IN_PROGRESS)
        query = (
            TaskRow.select(TaskRow.status, fn.COUNT(TaskRow.id))
            .where(TaskRow.status.in_([status.value for status in statuses]))
            .group_by(TaskRow.status)
        )
        counted = dict(query.tuples().execute(self._store.db))
        return {status: counted.get(status.value, 0) for status in statuses}

    def next_due(self) -> datetime | None:
        """When the earliest new task is or was due."""
        ((moment,),) = self._store.rows(_NEXT_DUE)
        return None if moment is None else from_epoch(moment)

    def end(self, task: Task, verdict: Ending, now: datetime) -> Task | None:
        """The task as it ended; None: the claim was lost, nothing changed. So with each ending."""
        if verdict.error is None:
            succeeded = verdict.move is Move.SUCCEEDED
            return self.succeed(task, now) if succeeded else self.release(task, now)
        if verdict.delay is None:
            return self.fail(task, verdict.error, now)
        pair = self.retry(task, verdict.error, verdict.delay, now)
        return None if pair is None else pair[0]

    def succeed(self, task: Task, now: datetime) -> Task | None:
        return self._write_ending(_moved(task, Move.SUCCEEDED, now))

    def fail(self, task: Task, error: TaskError, now: datetime) -> Task | None:
        with self._store.transaction():
            failed = self._write_ending(_moved(task, Move.FAILED, now, error=error))
            if failed is not None:
                self._record_failure(failed)
        return failed

    def release(self, task: Task, now: datetime) -> Task | None:
        return self._write_ending(_moved(task, Move.RELEASED, now))

    def retry(
        self, task: Task, error: TaskError, delay: timedelta, now: datetime
    ) -> tuple[Task, Task] | None:
        """The task retried, and the new task that tries again after `delay`."""
        again = replace(
            task,
            id=ids.object_id(now),
            status=Status.NEW,
            status_changed_timestamp=now,
            start_timestamp=now + delay,
            creation_timestamp=now,
            update_timestamp=now,
            retry_for_task_ids=(*task.retry_for_task_ids, task.id),
            claim=0,
        )
        with self._store.transaction():
            ended = self._write_ending(
                _moved(task, Move.RETRIED, now, error=error, retried_by_task_id=again.id)
            )
            if ended is None:
                return None
            self._insert(again)
        return ended, again

    def cancel(self, task_id: str, now: datetime) -> None:
        """Raises `NotFound`, or `IllegalState` when it is not new any more."""
        with self._store.transaction():
            task = self.get(task_id)
            if not allows(task.status, Move.CANCELED):
                raise IllegalState(
                    f"the task is {task.status.value}; only a task that is new can be canceled"
                )
            self._write(_moved(task, Move.CANCELED, now))

    def reclaim(
        self, clock: Clock, *, after: timedelta, running: Collection[str] = ()
    ) -> list[Task]:
        """Ends what has been in progress for `after` but does not run, here or anywhere: fails it,
        or gives it back where it has surely not begun. What is in progress since a time that is
        still to come is taken for older: the clock was set back.

        Only one server has the database, so what it does not run itself, nobody runs.
        """
        since = TaskRow.status_changed_timestamp
        with self._store.transaction():
            now = clock.now()  # when nobody can claim: what others just have is not ahead of it
            before = now - after
            query = TaskRow.select().where(
                TaskRow.status == Status.IN_PROGRESS.value,
                (since <= before) | (since > now),
                TaskRow.id.not_in(list(running)),
            )
            rows = list(query.execute(self._store.db))
            ended = [_reclaimed(row, now) for row in rows]
            for task in ended:
                self._write(task)
                if task.status is Status.FAILED:
                    self._record_failure(task)
        return ended

    def get(self, task_id: str) -> Task:
        """Raises `NotFound`."""
        found = self._store.rows(_GET, (task_id,))
        if not found:
            raise NotFound(f"there is no task {task_id}")
        return task_rows.from_row(found[0])

    def find(self, query: Query) -> tuple[list[Task], int | None]:
        """One page of tasks, and how many there are in all. Raises `BadQuery`."""
        rows, total = find(self._store.db, TaskRow, TASK_FIELDS, query)
        return [task_rows.from_values(row.__data__) for row in rows], total

    def _write_ending(self, task: Task) -> Task | None:
        mine = (task.id, self._server, task.claim)
        changed = self._store.change(_END, (*task_rows.to_ending(task), *mine))
        return task if changed else None

    def _record_failure(self, task: Task) -> None:
        """Only inside the transaction that fails it: its event exists if and only if it failed."""
        for told in self._events.record_failure(task):
            self._insert(told)

    def _write(self, task: Task) -> None:
        """Only inside a transaction that has read the task."""
        self._store.change(_WRITE, (*task_rows.to_ending(task), task.id))

    def _insert(self, task: Task, claimed_by: str | None = None) -> None:
        row = task_rows.to_row(task, claimed_by)
        if not task.tags:  # a statement alone is a transaction, in a third of the time
            self._store.change(_INSERT, row)
            return
        tags = [(task.id, position, tag) for position, tag in enumerate(task.tags)]
        with self._store.transaction():
            self._store.change(_INSERT, row)
            self._store.change_many(_INSERT_TAG, tags)


def _reclaimed(row: TaskRow, now: datetime) -> Task:
    task = task_rows.from_values(row.__data__)
    if row.waiting:
        return _moved(task, Move.RELEASED, now)
    return _moved(task, Move.LOST, now, error=ZOMBIE)


def _moved(task: Task, by: Move, now: datetime, **changes: Any) -> Task:
    return replace(
        task,
        status=move(task.status, by),
        status_changed_timestamp=now,
        update_timestamp=now,
        **changes,
    )
