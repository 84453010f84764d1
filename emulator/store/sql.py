"""Statements that run for every task and every log line, worded once from the tables.

peewee words a statement anew each time, which takes ten times as long as to run it. These are
standard SQL with `?` where a value goes; the store runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from taskdock.store.fields import JsonField, MomentField
from taskdock.store.tables import Table


@cache
def columns(table: type[Table]) -> tuple[str, ...]:
    """The names of all columns, in the table's order."""
    return tuple(field.column_name for field in table._meta.sorted_fields)


def insert(table: type[Table], names: Sequence[str] | None = None) -> str:
    """INSERT of a row with a value for each of `names`, or for each column."""
    names = names or columns(table)
    return f"INSERT INTO {_name(table)} ({_list(names)}) VALUES ({placeholders(len(names))})"  # noqa: S608


def select(table: type[Table], rest: str) -> str:
    """SELECT of all columns, and what follows the table's name."""
    return f"SELECT {_list(columns(table))} FROM {_name(table)} {rest}"  # noqa: S608


def update(table: type[Table], names: Sequence[str], rest: str) -> str:
    """UPDATE of these columns to a value each, and what follows."""
    return f"UPDATE {_name(table)} SET {', '.join(f'{_quoted(name)} = ?' for name in names)} {rest}"  # noqa: S608


def to_row(
    table: type[Table], values: Mapping[str, Any], names: tuple[str, ...] | None = None
) -> list[Any]:
    """`values` as the database keeps them, one for each of `names`, or for each column."""
    return [
        values[name] if write is None else write(values[name])
        for name, write in _writers(table, names or columns(table))
    ]


def from_row(table: type[Table], row: Sequence[Any]) -> dict[str, Any]:
    """The values of a row of all columns, as Python has them."""
    return {
        name: value if read is None else read(value)
        for (name, read), value in zip(_readers(table), row, strict=True)
    }


def placeholders(count: int) -> str:
    """Room for `count` values: ?, ?, ?"""
    return ", ".join("?" * count)


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(_quoted, names))


def _quoted(name: str) -> str:
    return f'"{name}"'


def _name(table: type[Table]) -> str:
    return _quoted(table._meta.table_name)


Convert = Callable[[Any], Any]


@cache
def _writers(table: type[Table], names: tuple[str, ...]) -> list[tuple[str, Convert | None]]:
    fields = table._meta.columns
    return [(name, fields[name].db_value if _differs(fields[name]) else None) for name in names]


@cache
def _readers(table: type[Table]) -> list[tuple[str, Convert | None]]:
    fields = table._meta.sorted_fields
    return [
        (field.column_name, field.python_value if _differs(field) else None) for field in fields
    ]


def _differs(field: object) -> bool:
    """Whether the database keeps its values as something else."""
    return isinstance(field, JsonField | MomentField)
