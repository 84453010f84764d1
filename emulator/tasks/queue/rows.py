"""A task as its row in the database, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskdock.store import sql
from taskdock.store.tables import TaskRow
from taskdock.tasks.model.task import Status, Task, TaskError

ENDING = (  # the columns that a change of status may change
    "status",
    "status_changed_timestamp",
    "update_timestamp",
    "retried_by_task_id",
    "error",
)


def to_row(task: Task, claimed_by: str | None = None) -> list[Any]:
    """A value for each column."""
    return sql.to_row(TaskRow, {**_values(task), "claimed_by": claimed_by, "waiting": False})


def to_ending(task: Task) -> list[Any]:
    """A value for each column of `ENDING`."""
    return sql.to_row(TaskRow, _values(task), ENDING)


def from_row(row: tuple[Any, ...]) -> Task:
    """The task of a row of all columns, as the database gives it."""
    return from_values(sql.from_row(TaskRow, row))


def from_values(values: Mapping[str, Any]) -> Task:
    """The task of a row as peewee gives it."""
    task = dict(values)
    del task["claimed_by"], task["waiting"]
    error, tags = task["error"], task["tags"]
    task["status"] = Status(task["status"])
    task["tags"] = None if tags is None else tuple(tags)
    task["retry_for_task_ids"] = tuple(task["retry_for_task_ids"] or ())
    if error is not None:
        task["error"] = TaskError.from_json(error)
    return Task(**task)


def _values(task: Task) -> dict[str, Any]:
    error = task.error
    return {
        **task.__dict__,
        "status": task.status.value,
        "retry_for_task_ids": task.retry_for_task_ids or None,
        "error": error and error.to_json(),
    }
