"""The rows of each table that a page of the activity may show, read by that table's indexes."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from taskdock.base.timing.clock import from_epoch
from taskdock.store import sql
from taskdock.store.database import Store
from taskdock.store.query import sqlite
from taskdock.store.query.fields import TASK_FIELDS
from taskdock.store.query.model import Condition
from taskdock.store.query.sqlite import PageWords
from taskdock.store.tables import TaskRow
from taskdock.tasks.model.task import Status

_FAILED = (Status.FAILED.value, Status.RETRIED.value)


@dataclass(frozen=True)
class FoundRow:
    id: str
    kind: str
    function: str
    status: str
    at: int  # milliseconds
    duration: float | None = None  # milliseconds
    error_name: str | None = None
    what: str | None = None
    request_id: str | None = None

    @property
    def moment(self) -> datetime:
        return from_epoch(self.at)

    @property
    def is_task(self) -> bool:
        return self.kind in ("task", "execution")


@dataclass(frozen=True, kw_only=True)
class Span:
    """The rows that are wanted: the newest, or from a place on. Moments are milliseconds."""

    status: str | None = None
    function: str | None = None
    failed: bool = False
    direct: bool | None = None
    since: int | None = None
    until: int | None = None
    before: tuple[int, str] | None = None
    after: tuple[int, str] | None = None
    limit: int = 1
    where: Condition | None = None
    id: str | None = None
    running: Sequence[str] = ()
    """Ids of invocations that have not ended, beside those that wait in the backlog."""


def _tasks(store: Store, span: Span) -> list[FoundRow]:
    if span.failed and span.status is None:  # each by its own index, not all that there are sorted
        return [row for status in _FAILED for row in _tasks_of(store, span, status)]
    if span.failed and span.status not in _FAILED:
        return []
    return _tasks_of(store, span, span.status)


def _tasks_of(store: Store, span: Span, status: str | None) -> list[FoundRow]:
    conditions = _Conditions(span, "creation_timestamp")
    if status is not None:
        conditions.add("status = ?", status)
    if span.function is not None:
        conditions.add("function_name = ?", span.function)
    if span.direct is True:
        conditions.add("direct = 1")
    elif span.direct is False:
        conditions.add("direct IS NOT TRUE")
    names = "id, direct, function_name, status, creation_timestamp, error"
    if span.where is None:
        # Left to itself, SQLite takes the index of the status and looks up each row of it.
        table = "task INDEXED BY task_direct" if span.direct else "task"
        rows = conditions.rows(store, names, table)
    else:
        page = conditions.page(names)
        rows = store.rows(*sqlite.worded(store.db, TaskRow, TASK_FIELDS, span.where, page))
    return [
        FoundRow(
            id,
            "execution" if direct else "task",
            function,
            status,
            at,
            error_name=_name(error),
        )
        for id, direct, function, status, at, error in rows
    ]


def _api_requests(store: Store, span: Span) -> list[FoundRow]:
    conditions = _Conditions(span, "timestamp")
    if span.failed or span.status == Status.FAILED.value:
        conditions.add("error IS NOT NULL")
    elif span.status == Status.COMPLETE.value:
        conditions.add("error IS NULL")
    elif span.status is not None:
        return []
    if span.function is not None:
        conditions.add("function_name = ?", span.function)
    names = "id, function_name, timestamp, error, duration, method, path, status_code"
    return [
        FoundRow(
            id,
            "api",
            function,
            (Status.COMPLETE if error is None else Status.FAILED).value,
            at,
            duration * 1000,
            _name(error),
            f"{method} /{path} {code}",
        )
        for id, function, at, error, duration, method, path, code in conditions.rows(
            store, names, "api_request"
        )
    ]


def _invocations(store: Store, span: Span) -> list[FoundRow]:
    """Their ends are known while their runs are kept; runs are few, and so they are what is looked
    through where an end is asked for."""
    conditions = _Conditions(span, "timestamp")
    if span.function is not None:
        conditions.add("function_name = ?", span.function)
    if span.failed or span.status == Status.FAILED.value:
        conditions.add(f"request_id IN ({_KEPT} AND error IS NOT NULL)")
    elif span.status in (Status.NEW.value, Status.IN_PROGRESS.value):
        begun = span.status == Status.IN_PROGRESS.value
        claimed, others = ("IS NOT NULL", span.running) if begun else ("IS NULL", ())
        waiting = f"SELECT invocation_id FROM backlog WHERE claimed_by {claimed}"  # noqa: S608
        conditions.add(f"(id IN ({waiting}) OR id IN ({sql.placeholders(len(others))}))", *others)
    elif span.status == Status.COMPLETE.value:
        conditions.add("id NOT IN (SELECT invocation_id FROM backlog)")
        conditions.add(f"id NOT IN ({sql.placeholders(len(span.running))})", *span.running)
        conditions.add(f"request_id NOT IN ({_KEPT} AND error IS NOT NULL)")
    elif span.status is not None:
        return []
    rows = conditions.rows(store, "id, request_id, function_name, timestamp", "invocation")
    marks = sql.placeholders(len(rows))
    claims: dict[str, object] = dict.fromkeys(span.running, "its caller")
    claims.update(
        store.rows(
            f"SELECT invocation_id, claimed_by FROM backlog WHERE invocation_id IN ({marks})",  # noqa: S608
            [row[0] for row in rows],
        )
    )
    ends = {
        request: (duration, error)
        for request, duration, error in store.rows(
            f"SELECT request_id, duration, error FROM run WHERE request_id IN ({marks})"  # noqa: S608
            " ORDER BY sequence",
            [row[1] for row in rows],
        )
    }
    return [
        replace(
            _invocation(id, function, at, claims.get(id, ABSENT), ends.get(request, (None, None))),
            request_id=request,
        )
        for id, request, function, at in rows
    ]


ABSENT = object()
_KEPT = "SELECT request_id FROM run WHERE kind IN ('invocation', 'event')"


def _invocation(
    id: str, function: str, at: int, claimed: object, end: tuple[float | None, str | None]
) -> FoundRow:
    duration, error = end
    if claimed is not ABSENT:
        status = Status.NEW if claimed is None else Status.IN_PROGRESS
    else:
        status = Status.COMPLETE if error is None else Status.FAILED
    return FoundRow(id, "invocation", function, status.value, at, duration, _name(error))


class _Conditions:
    """Conditions of one statement, with the values of their marks."""

    def __init__(self, span: Span, time: str) -> None:
        self._span, self._time = span, time
        self._words: list[str] = []
        self._values: list[Any] = []
        if span.id is not None:
            self.add("id = ?", span.id)
        if span.since is not None:
            self.add(f"{time} >= ?", span.since)
        if span.until is not None:
            self.add(f"{time} < ?", span.until)
        if span.before is not None:
            self.add(f"({time}, id) < (?, ?)", *span.before)
        if span.after is not None:
            self.add(f"({time}, id) > (?, ?)", *span.after)

    def add(self, words: str, *values: Any) -> None:
        self._words.append(words)
        self._values.extend(values)

    def rows(self, store: Store, names: str, table: str) -> Sequence[tuple[Any, ...]]:
        page = self.page(names)
        where = f"WHERE {page.conditions} " if page.conditions else ""
        statement = f"SELECT {names} FROM {table} {where}ORDER BY {page.order} LIMIT ?"  # noqa: S608
        return store.rows(statement, (*page.values, page.limit))

    def page(self, names: str) -> PageWords:
        order = "DESC" if self._span.after is None else "ASC"
        return PageWords(
            names=names,
            conditions=" AND ".join(self._words),
            values=self._values,
            order=f"{self._time} {order}, id {order}",
            limit=self._span.limit,
        )


def _name(error: str | None) -> str | None:
    if error is None:
        return None
    return str(json.loads(error).get("name"))


TABLES: Sequence[Callable[[Store, Span], list[FoundRow]]] = (_tasks, _api_requests, _invocations)
