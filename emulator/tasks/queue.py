"""The queue: every change of a task's status, each one transaction, each fenced by its claim.

An ending says which claim it ends. Where the task has moved on meanwhile it changes nothing and
says so, and the caller drops its result.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from peewee import fn

from emulator import ids
from emulator.errors import IllegalState, NotFound
from emulator.store.database import Store
from emulator.store.query import TASK_FIELDS, Query, find
from emulator.store.tables import TagRow, TaskRow
from emulator.tasks.events import Events
from emulator.tasks.task import (
    ZOMBIE,
    ErrorType,
    Move,
    Status,
    Task,
    TaskError,
    allows,
    move,
)


class Queue:
    def __init__(self, *, store: Store, server: str, events: Events) -> None:
        """`server`: the name that this server's claims carry; `events` records every failure."""
        self._store = store
        self._server = server
        self._events = events

    def enqueue(self, task: Task) -> None:
        with self._store.transaction():
            self._insert(task)

    def enqueue_claimed(self, task: Task, now: datetime) -> Task:
        """Inserts it already claimed by this server, so that no worker can take it."""
        claimed = _moved(task, Move.CLAIMED, now, claim=1)
        with self._store.transaction():
            self._insert(claimed, claimed_by=self._server)
        return claimed

    def claim(self, limit: int, now: datetime) -> list[Task]:
        """Claims up to `limit` tasks that are due: by priority, then start time, then creation."""
        with self._store.transaction():
            query = (
                TaskRow.select()
                .where(TaskRow.status == Status.NEW.value, TaskRow.start_timestamp <= now)
                .order_by(TaskRow.priority.desc(), TaskRow.start_timestamp, TaskRow.id)
                .limit(limit)
            )
            due = [to_task(row) for row in query.execute(self._store.db)]
            claimed = [_moved(task, Move.CLAIMED, now, claim=task.claim + 1) for task in due]
            for task in claimed:
                self._write(task, claimed_by=self._server)
        return claimed

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
        query = TaskRow.select(TaskRow.start_timestamp).where(TaskRow.status == Status.NEW.value)
        row = query.order_by(TaskRow.start_timestamp).limit(1).first(self._store.db)
        return None if row is None else row.start_timestamp

    def succeed(self, task: Task, now: datetime) -> Task | None:
        """The task complete; None: the claim was lost, nothing changed. So with each ending."""
        return self._end(_moved(task, Move.SUCCEEDED, now))

    def fail(self, task: Task, error: TaskError, now: datetime) -> Task | None:
        with self._store.transaction():
            failed = self._end(_moved(task, Move.FAILED, now, error=error))
            if failed is not None:
                self._record_failure(failed)
        return failed

    def release(self, task: Task, now: datetime) -> Task | None:
        return self._end(_moved(task, Move.RELEASED, now))

    def retry(
        self, task: Task, error: TaskError, delay: timedelta, now: datetime
    ) -> tuple[Task, Task] | None:
        """The task retried, and the new task that tries again after `delay`."""
        again = replace(
            task,
            id=ids.object_id(),
            status=Status.NEW,
            status_changed_timestamp=now,
            start_timestamp=now + delay,
            creation_timestamp=now,
            update_timestamp=now,
            retry_for_task_ids=(*task.retry_for_task_ids, task.id),
            claim=0,
        )
        with self._store.transaction():
            ended = self._end(
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
        self, now: datetime, *, before: datetime, running: Collection[str] = ()
    ) -> list[Task]:
        """Fails what is in progress since `before` but does not run, here or anywhere.

        Only one server has the database, so what it does not run itself, nobody runs.
        """
        with self._store.transaction():
            query = TaskRow.select().where(
                TaskRow.status == Status.IN_PROGRESS.value,
                TaskRow.status_changed_timestamp <= before,
                TaskRow.id.not_in(list(running)),
            )
            held = [to_task(row) for row in query.execute(self._store.db)]
            lost = [_moved(task, Move.LOST, now, error=ZOMBIE) for task in held]
            for task in lost:
                self._write(task)
                self._record_failure(task)
        return lost

    def get(self, task_id: str) -> Task:
        """Raises `NotFound`."""
        row = TaskRow.select().where(TaskRow.id == task_id).first(self._store.db)
        if row is None:
            raise NotFound(f"there is no task {task_id}")
        return to_task(row)

    def find(self, query: Query) -> tuple[list[Task], int | None]:
        """One page of tasks, and how many there are in all. Raises `BadQuery`."""
        rows, total = find(self._store.db, TaskRow, TASK_FIELDS, query)
        return [to_task(row) for row in rows], total

    def _end(self, task: Task) -> Task | None:
        mine = (
            (TaskRow.id == task.id)
            & (TaskRow.status == Status.IN_PROGRESS.value)
            & (TaskRow.claimed_by == self._server)
            & (TaskRow.claim == task.claim)
        )
        changed = TaskRow.update(**_ending(task)).where(mine).execute(self._store.db)
        return task if changed else None

    def _record_failure(self, task: Task) -> None:
        """Only inside the transaction that fails it: its event exists if and only if it failed."""
        for told in self._events.record_failure(task):
            self._insert(told)

    def _write(self, task: Task, **more: Any) -> None:
        """Only inside a transaction that has read the task."""
        values = {**_ending(task), "claim": task.claim, **more}
        TaskRow.update(**values).where(TaskRow.id == task.id).execute(self._store.db)

    def _insert(self, task: Task, **more: Any) -> None:
        TaskRow.insert(**_to_row(task), **more).execute(self._store.db)
        tags = [
            {"task_id": task.id, "position": position, "tag": tag}
            for position, tag in enumerate(task.tags or ())
        ]
        if tags:
            TagRow.insert_many(tags).execute(self._store.db)


def _moved(task: Task, by: Move, now: datetime, **changes: Any) -> Task:
    return replace(
        task,
        status=move(task.status, by),
        status_changed_timestamp=now,
        update_timestamp=now,
        **changes,
    )


def _error(error: TaskError | None) -> dict[str, str] | None:
    if error is None:
        return None
    return {"type": error.type.value, "name": error.name, "message": error.message}


def _ending(task: Task) -> dict[str, Any]:
    """The columns that a change of status may change."""
    return {
        "status": task.status.value,
        "status_changed_timestamp": task.status_changed_timestamp,
        "update_timestamp": task.update_timestamp,
        "retried_by_task_id": task.retried_by_task_id,
        "error": _error(task.error),
    }


def _to_row(task: Task) -> dict[str, Any]:
    row = {**asdict(task), **_ending(task)}
    row["tags"] = None if task.tags is None else list(task.tags)
    row["retry_for_task_ids"] = list(task.retry_for_task_ids) or None
    return row


def to_task(row: TaskRow) -> Task:
    values = dict(row.__data__)
    del values["claimed_by"]
    error, tags = values.pop("error"), values.pop("tags")
    return Task(
        **{
            **values,
            "status": Status(values["status"]),
            "tags": None if tags is None else tuple(tags),
            "retry_for_task_ids": tuple(values["retry_for_task_ids"] or ()),
            "error": None
            if error is None
            else TaskError(ErrorType(error["type"]), error["name"], error["message"]),
        }
    )
