"""The journal: log lines of tasks, API requests and invocation records, their owners.

They can be read while their owners still run.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Sequence
from datetime import datetime
from functools import reduce
from operator import or_

from peewee import fn

from emulator.clock import to_epoch
from emulator.lambdas.logs import LogLine
from emulator.loop import Loop
from emulator.notices import Notices
from emulator.store.database import Store
from emulator.store.tables import ApiRequestRow, InvocationRow, LogRow, TaskRow

_WRITE_EVERY = 0.3  # seconds
_BATCH = 500  # lines that wait to be written, at most
_INSERT = "INSERT INTO task_log (task_id, timestamp, message) VALUES (?, ?, ?)"
"""As it is: peewee takes ten times as long to word it for each row, and functions print much."""


class Journal:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._open: dict[str, Record] = {}

    def open(self, owner_id: str) -> Record:
        record = self._open[owner_id] = Record(self, owner_id)
        return record

    def close(self, owner_id: str) -> None:
        """Its lines are complete and written; one that comes later is written at once."""
        record = self._open.pop(owner_id, None)
        if record is not None:
            record.close()

    def write_open(self) -> None:
        """Writes what the open records have taken up to now."""
        for record in list(self._open.values()):
            record.write()

    def write(self, owner_id: str, lines: Sequence[LogLine]) -> None:
        rows = [(owner_id, to_epoch(line.timestamp), line.message) for line in lines]
        with self._store.transaction():
            connection: sqlite3.Connection = self._store.db.connection()  # type: ignore[no-untyped-call]
            connection.executemany(_INSERT, rows)

    def read(
        self, owner_id: str, *, since: datetime | None, limit: int, offset: int
    ) -> list[LogLine]:
        """Lines in the order in which they were printed, from `since` on (included)."""
        query = LogRow.select(LogRow.timestamp, LogRow.message).where(LogRow.owner_id == owner_id)
        if since is not None:
            query = query.where(LogRow.timestamp >= since)
        rows = query.order_by(LogRow.id).limit(limit).offset(offset).execute(self._store.db)
        return [LogLine(row.timestamp, row.message) for row in rows]

    def read_function(
        self, name: str, *, since: datetime, until: datetime, limit: int, offset: int
    ) -> tuple[list[LogLine], int]:
        """A page of all lines of a function in a period (ends included), and how many there are."""
        ran = [
            table.select().where(table.id == LogRow.owner_id, table.function_name == name)
            for table in (TaskRow, ApiRequestRow, InvocationRow)
        ]
        query = LogRow.select(LogRow.timestamp, LogRow.message).where(
            LogRow.timestamp.between(since, until), reduce(or_, map(fn.EXISTS, ran))
        )
        page = query.order_by(LogRow.timestamp, LogRow.id).limit(limit).offset(offset)
        lines = [LogLine(row.timestamp, row.message) for row in page.execute(self._store.db)]
        return lines, query.count(self._store.db)


class Record:
    """Takes one owner's lines as they come, to be written in batches. Any thread may call."""

    def __init__(self, journal: Journal, owner_id: str) -> None:
        self._journal = journal
        self._owner_id = owner_id
        self._lock = threading.Lock()
        self._lines: list[LogLine] = []
        self._closed = False

    def __call__(self, line: LogLine) -> None:
        with self._lock:
            self._lines.append(line)
            if self._closed or len(self._lines) >= _BATCH:
                self._write()

    def write(self) -> None:
        with self._lock:
            self._write()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._write()

    def _write(self) -> None:
        if self._lines:
            self._journal.write(self._owner_id, self._lines)
            self._lines = []


class Scribe(Loop):
    """Writes the lines of running tasks every moment, so that they can be read meanwhile."""

    name = "scribe"

    def __init__(self, *, journal: Journal, notices: Notices) -> None:
        super().__init__(notices)
        self._journal = journal

    def run_once(self) -> float:
        self._journal.write_open()
        return _WRITE_EVERY
