"""Statements that run for every task and every log line, worded once from the tables.

peewee words a statement anew each time, which takes ten times as long as to run it. These are
standard SQL with `?` where a value goes; the store runs them.
"""

from __future__ import annotations

from collections.abc import Sequence

from emulator.store.tables import Table


def columns(table: type[Table]) -> tuple[str, ...]:
    """The names of all columns, in the table's order."""
    return tuple(field.column_name for field in table._meta.sorted_fields)


def insert(table: type[Table], names: Sequence[str] | None = None) -> str:
    """INSERT of a row with a value for each of `names`, or for each column."""
    names = names or columns(table)
    return f"INSERT INTO {_name(table)} ({_list(names)}) VALUES ({places(len(names))})"  # noqa: S608


def select(table: type[Table], rest: str) -> str:
    """SELECT of all columns, and what follows the table's name."""
    return f"SELECT {_list(columns(table))} FROM {_name(table)} {rest}"  # noqa: S608


def update(table: type[Table], names: Sequence[str], rest: str) -> str:
    """UPDATE of these columns to a value each, and what follows."""
    return f"UPDATE {_name(table)} SET {', '.join(f'{_quoted(name)} = ?' for name in names)} {rest}"  # noqa: S608


def places(count: int) -> str:
    """Room for `count` values: ?, ?, ?"""
    return ", ".join("?" * count)


def _list(names: Sequence[str]) -> str:
    return ", ".join(map(_quoted, names))


def _quoted(name: str) -> str:
    return f'"{name}"'


def _name(table: type[Table]) -> str:
    return _quoted(table._meta.table_name)
