"""The time that statements may take, which SQLite asks about while it works."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager

from peewee import OperationalError

from taskdock.store.database import Store

_STEPS = 20_000  # instructions of SQLite between two looks: under a millisecond


class TimeLimit:
    """On one thread. https://www.sqlite.org/c3ref/progress_handler.html"""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self.is_over = False

    def look(self) -> bool:
        """Whether SQLite is to end its statement."""
        self.is_over = self.is_over or time.monotonic() >= self._end
        return self.is_over


@contextmanager
def limited(store: Store, seconds: float) -> Iterator[TimeLimit]:
    """A context whose statements on this thread are ended once they have taken so long. It says so
    then, and goes on behind it. For reading alone."""
    limit = TimeLimit(seconds)
    connection: sqlite3.Connection = store.db.connection()  # type: ignore[no-untyped-call]
    connection.set_progress_handler(limit.look, _STEPS)
    try:
        yield limit
    except (OperationalError, sqlite3.OperationalError):
        if not limit.is_over:
            raise
    finally:
        connection.set_progress_handler(None, 0)
