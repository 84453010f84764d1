"""The journal: log lines of tasks, kept and found."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import datetime

from emulator.clock import Clock
from emulator.lambdas.logs import LogLine
from emulator.store.database import Store
from emulator.store.tables import LogRow

_FLUSH_EVERY = 0.3  # seconds; so that a running task's lines can be read soon
_BATCH = 500  # rows per statement


class Journal:
    def __init__(self, *, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def open(self, task_id: str) -> Record:
        return Record(self, task_id, self._clock)

    def write(self, task_id: str, lines: Sequence[LogLine]) -> None:
        rows = [
            {"task_id": task_id, "timestamp": line.timestamp, "message": line.message}
            for line in lines
        ]
        with self._store.transaction():
            for start in range(0, len(rows), _BATCH):
                LogRow.insert_many(rows[start : start + _BATCH]).execute(self._store.db)

    def read(
        self, task_id: str, *, since: datetime | None, limit: int, offset: int
    ) -> list[LogLine]:
        """Lines in the order in which they were printed, from `since` on (included)."""
        query = LogRow.select(LogRow.timestamp, LogRow.message).where(LogRow.task_id == task_id)
        if since is not None:
            query = query.where(LogRow.timestamp >= since)
        rows = query.order_by(LogRow.id).limit(limit).offset(offset).execute(self._store.db)
        return [LogLine(row.timestamp, row.message) for row in rows]


class Record:
    """Takes one task's lines as they come, and writes them in batches. Any thread may call."""

    def __init__(self, journal: Journal, task_id: str, clock: Clock) -> None:
        self._journal = journal
        self._task_id = task_id
        self._clock = clock
        self._lock = threading.Lock()
        self._lines: list[LogLine] = []
        self._written = clock.monotonic()
        self._closed = False

    def __call__(self, line: LogLine) -> None:
        with self._lock:
            self._lines.append(line)
            late = self._closed or self._clock.monotonic() - self._written >= _FLUSH_EVERY
            if late or len(self._lines) >= _BATCH:
                self._flush()

    def close(self) -> None:
        """Writes what is left; what comes later (from a thread left behind) is written at once."""
        with self._lock:
            self._closed = True
            self._flush()

    def _flush(self) -> None:
        lines, self._lines = self._lines, []
        if lines:
            self._journal.write(self._task_id, lines)
        self._written = self._clock.monotonic()
