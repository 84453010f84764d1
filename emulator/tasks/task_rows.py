"""A task as its row in the database and back: which columns there are, and what they keep.

The statements name all columns in the table's order, and so do the rows that they take and give.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from emulator.store import statements
from emulator.store.fields import JsonField, MomentField
from emulator.store.tables import TaskRow
from emulator.tasks.task import ErrorType, Status, Task, TaskError

COLUMNS = statements.columns(TaskRow)
ENDING = (  # what a change of status may change
    "status",
    "status_changed_timestamp",
    "update_timestamp",
    "retried_by_task_id",
    "error",
)


def to_row(task: Task, claimed_by: str | None = None) -> list[Any]:
    """A value for each of `COLUMNS`, as the database keeps it."""
    return _written({**task.__dict__, "claimed_by": claimed_by}, _WRITE)


def to_ending(task: Task) -> list[Any]:
    """A value for each of `ENDING`."""
    return _written(task.__dict__, _WRITE_ENDING)


def from_row(row: tuple[Any, ...]) -> Task:
    """The task of a row of `COLUMNS`."""
    values = dict(zip(COLUMNS, row, strict=True))
    for name, read in _READ:
        values[name] = read(values[name])
    return from_values(values)


def from_values(values: Mapping[str, Any]) -> Task:
    """The task of a row whose columns are Python's values already, as peewee gives them."""
    task = dict(values)
    del task["claimed_by"]
    error, tags = task["error"], task["tags"]
    task["status"] = Status(task["status"])
    task["tags"] = None if tags is None else tuple(tags)
    task["retry_for_task_ids"] = tuple(task["retry_for_task_ids"] or ())
    if error is not None:
        task["error"] = TaskError(ErrorType(error["type"]), error["name"], error["message"])
    return Task(**task)


def _error(error: TaskError | None) -> dict[str, str] | None:
    if error is None:
        return None
    return {"type": error.type.value, "name": error.name, "message": error.message}


Convert = Callable[[Any], Any]

_FIELDS = TaskRow._meta.columns
_CONVERTED = {
    name: field for name, field in _FIELDS.items() if isinstance(field, JsonField | MomentField)
}
_PREPARED: dict[str, Convert] = {  # what a column is given, where a task has it as something else
    "status": lambda status: status.value,
    "error": _error,
    "retry_for_task_ids": lambda ids: ids or None,
}


def _writer(name: str) -> tuple[str, Convert | None]:
    prepare = _PREPARED.get(name)
    if name not in _CONVERTED:
        return name, prepare
    store: Convert = _CONVERTED[name].db_value
    return name, store if prepare is None else lambda value: store(prepare(value))


def _written(values: Mapping[str, Any], columns: list[tuple[str, Convert | None]]) -> list[Any]:
    return [values[name] if write is None else write(values[name]) for name, write in columns]


_WRITE = [_writer(name) for name in COLUMNS]
_WRITE_ENDING = [_writer(name) for name in ENDING]
_READ = [(name, field.python_value) for name, field in _CONVERTED.items()]
