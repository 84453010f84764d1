"""The queue: every change of a task's status, each one transaction, each fenced by its claim.

An ending says which claim it ends. Where the task has moved on meanwhile it changes nothing and
says so, and the caller drops its result. Inside another transaction, a change is part of that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from peewee import SQL, fn

from taskdock.base import ids
from taskdock.base.errors import IllegalState, NotFound
from taskdock.base.timing.clock import Clock, from_epoch, to_epoch
from taskdock.store import sql
from taskdock.store.database import Store
from taskdock.store.query.fields import TASK_FIELDS
from taskdock.store.query.model import Query
from taskdock.store.query.sqlite import find
from taskdock.store.tables import TaskRow
from taskdock.tasks.events.events import Events
from taskdock.tasks.model.task import ZOMBIE, Status, Task, TaskMove, allows, move
from taskdock.tasks.queue import rows as task_rows
from taskdock.tasks.queue import statements
from taskdock.tasks.queue.ending import Ending
from taskdock.tasks.work.claims import Claim


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
        claimed = _moved(task, TaskMove.CLAIMED, now, claim=1)
        self._insert(claimed, claimed_by=self._server)
        return claimed

    def claim(
        self,
        limit: int,
        now: datetime,
        taken: Callable[[Collection[str]], object] = lambda _: None,
    ) -> list[Task]:
        """Claims up to `limit` tasks that are due: by priority, then start time, then creation.
        `taken` is called with their ids before anybody can see that they are claimed.

        Neither many that are due nor many that are not make it slow: few are sorted, and of many
        the first ones are read in their order.
        """
        moment = to_epoch(now)
        ((due,),) = self._store.rows(statements.COUNT_DUE, (moment, statements.FEW))
        if not due:
            return []
        first = statements.FIRST_OF_FEW if due < statements.FEW else statements.FIRST_OF_MANY
        with self._store.transaction():
            rows = self._store.rows(first, (moment, limit))
            tasks = [task_rows.from_row(row) for row in rows]
            if not tasks:  # others were first
                return []
            claimed = [_moved(task, TaskMove.CLAIMED, now, claim=task.claim + 1) for task in tasks]
            taken([task.id for task in tasks])
            self._store.change(
                statements.CLAIM.format(sql.placeholders(len(tasks))),
                (Status.IN_PROGRESS.value, moment, moment, self._server, *[t.id for t in tasks]),
            )
        return claimed

    def mark(self, task: Task, *, waiting: bool) -> bool:
        """Keeps whether a claimed task has surely not begun; False: the claim was lost."""
        claim = Claim(self._server, task.claim)
        return self._store.change(statements.MARK, (waiting, task.id, *claim.values)) > 0

    def bring_forward(self, clock: Clock) -> int:
        """How many tasks are due now that were meant to start when they were made, or a moment
        later, by a clock that has been set back since. A start time that was asked for stays."""
        moment = to_epoch(clock.now())
        if not self._store.rows(statements.AHEAD, (moment, moment)):
            return 0
        with self._store.transaction():
            rows = self._store.rows(statements.AHEAD, (moment, moment))
            now = clock.now()  # read behind them: what others have just made is not ahead of it
            found = map(task_rows.from_row, rows)
            ahead = [task for task in found if task.creation_timestamp > now]
            for task in ahead:
                delay = max(task.start_timestamp - task.creation_timestamp, timedelta(0))
                self._store.change(
                    statements.START, (to_epoch(now + delay), to_epoch(now), task.id)
                )
        return len(ahead)

    def depth(self) -> dict[Status, int]:
        """The counts of tasks that are new, and that are in progress."""
        statuses = (Status.NEW, Status.IN_PROGRESS)
        query = (
            # Rows, not ids: the index has no ids, and each would be a look into the table.
            TaskRow.select(TaskRow.status, fn.COUNT(SQL("*")))
            .where(TaskRow.status.in_([status.value for status in statuses]))
            .group_by(TaskRow.status)
        )
        counted = dict(query.tuples().execute(self._store.db))
        return {status: counted.get(status.value, 0) for status in statuses}

    def next_due(self) -> datetime | None:
        """The time at which the earliest new task is or was due."""
        ((moment,),) = self._store.rows(statements.NEXT_DUE)
        return None if moment is None else from_epoch(moment)

    def end(self, task: Task, ending: Ending, now: datetime) -> Task | None:
        """The task as it ended; None: the claim was lost, nothing changed.

        A task that is retried has another one made, which starts after the ending's delay. One that
        fails has its event made, if and only if it has failed.
        """
        again = _again(task, now, ending.delay) if ending.move is TaskMove.RETRIED else None
        ended = _moved(task, ending.move, now, error=ending.error)
        if again is not None:
            ended = replace(ended, retried_by_task_id=again.id)
        with self._store.transaction():
            if not self._write_ending(ended):
                return None
            if again is not None:
                self._insert(again)
            if ending.move is TaskMove.FAILED:
                self._record_failure(ended)
        return ended

    def cancel(self, task_id: str, now: datetime) -> None:
        """Raises `NotFound`, or `IllegalState` when it is not new any more."""
        with self._store.transaction():
            task = self.get(task_id)
            if not allows(task.status, TaskMove.CANCELED):
                raise IllegalState(
                    f"the task is {task.status.value}; only a task that is new can be canceled"
                )
            self._write(_moved(task, TaskMove.CANCELED, now))

    def reclaim(
        self,
        clock: Clock,
        *,
        after: timedelta,
        running: Callable[[], Collection[str]] = tuple,
        servers: Collection[str] = (),
    ) -> list[Task]:
        """Ends tasks that are in progress and run nowhere: fails them, or gives them back where
        they have surely not begun. Returns the tasks as they ended.

        Of this server's tasks, these are those in progress for `after` that are not in `running`. A
        task in progress since a time in the future counts too: the clock was set back. Of other
        tasks, these are those whose server is not in `servers`.
        """
        since, held_by = TaskRow.status_changed_timestamp, TaskRow.claimed_by
        with self._store.transaction():
            now = clock.now()  # when nobody can claim: what others just have is not ahead of it
            overdue = (since <= now - after) | (since > now)
            query = TaskRow.select().where(
                TaskRow.status == Status.IN_PROGRESS.value,
                held_by.is_null()
                | held_by.not_in([self._server, *servers])
                | (held_by == self._server) & overdue,
                TaskRow.id.not_in(list(running())),
            )
            ended = [_reclaimed(row, now) for row in list(query.execute(self._store.db))]
            for task in ended:
                self._write(task)
                if task.status is Status.FAILED:
                    self._record_failure(task)
        return ended

    def get(self, task_id: str) -> Task:
        """Raises `NotFound`."""
        found = self._store.rows(statements.GET, (task_id,))
        if not found:
            raise NotFound(f"there is no task {task_id}")
        return task_rows.from_row(found[0])

    def find(self, query: Query) -> tuple[list[Task], int | None]:
        """One page of tasks, and how many there are in all. Raises `BadQuery`."""
        rows, total = find(self._store.db, TaskRow, TASK_FIELDS, query)
        return [task_rows.from_values(row.__data__) for row in rows], total

    def _write_ending(self, task: Task) -> bool:
        """False: the claim was lost."""
        claim = Claim(self._server, task.claim)
        values = (*task_rows.to_ending(task), task.id, *claim.values)
        return self._store.change(statements.END, values) > 0

    def _record_failure(self, task: Task) -> None:
        """Only inside the transaction that fails the task: the event exists if and only if the task
        failed."""
        for subscribed in self._events.record_failure(task):
            self._insert(subscribed)

    def _write(self, task: Task) -> None:
        """Only inside a transaction that has read the task."""
        self._store.change(statements.WRITE, (*task_rows.to_ending(task), task.id))

    def _insert(self, task: Task, claimed_by: str | None = None) -> None:
        row = task_rows.to_row(task, claimed_by)
        if not task.tags:  # a statement alone is a transaction, in a third of the time
            self._store.change(statements.INSERT, row)
            return
        tags = [(task.id, position, tag) for position, tag in enumerate(task.tags)]
        with self._store.transaction():
            self._store.change(statements.INSERT, row)
            self._store.change_many(statements.INSERT_TAG, tags)


def _again(task: Task, now: datetime, delay: timedelta) -> Task:
    """The task that tries again, `delay` after the one that has failed now."""
    return replace(
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


def _reclaimed(row: TaskRow, now: datetime) -> Task:
    task = task_rows.from_values(row.__data__)
    if row.waiting:
        return _moved(task, TaskMove.RELEASED, now)
    return _moved(task, TaskMove.LOST, now, error=ZOMBIE)


def _moved(task: Task, by: TaskMove, now: datetime, **changes: Any) -> Task:
    return replace(
        task,
        status=move(task.status, by),
        status_changed_timestamp=now,
        update_timestamp=now,
        **changes,
    )
