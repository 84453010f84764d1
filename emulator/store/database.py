"""Opens the database and gives out transactions; knows what differs between SQLite and others.

SQLite: one file, write-ahead log, one writer at a time with a busy timeout. Connections belong to
threads (peewee keeps one per thread).
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peewee import DatabaseError, SqliteDatabase
from playhouse.migrations import Runner

from emulator.errors import StartupError

_MIGRATIONS = Path(__file__).parent / "migrations"
_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "normal",  # survives a killed process; a lost machine may lose the last moment
    "busy_timeout": 10_000,
    "foreign_keys": 1,
    "wal_autocheckpoint": 4000,  # pages: 16 MB; who checkpoints waits for the disk, up to 0.1 s
    "journal_size_limit": 16 * 1024 * 1024,  # bytes that the log keeps of a peak, once it is over
}

_LONG_PATH = (
    450  # bytes; SQLite takes 512, with what it appends: https://www.sqlite.org/limits.html
)


class Store:
    """One open database. `store.db` executes queries, `store.transaction()` groups them.

    `rows`, `change` and `change_many` run a statement (`store.statements`) without the object
    mapper, for what happens many times a second; values are those that the database keeps.
    """

    def __init__(self, path: Path) -> None:
        """Raises `StartupError`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._writing = threading.RLock()
        self.db = SqliteDatabase(str(path), pragmas=_PRAGMAS)
        try:
            self._migrate(path)
        except DatabaseError as error:
            long = len(os.fsencode(path)) > _LONG_PATH
            hint = "; its path is too long: choose a shorter --data-dir" if long else ""
            raise StartupError(f"cannot use the database {path}: {error}{hint}") from None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction that holds the write lock from its start: it never has to upgrade.

        Inside another one it is part of that. Threads of this process wait for each other here:
        SQLite would have them look again now and then, with pauses of up to 0.1 s.
        """
        if self.db.in_transaction():
            yield
            return
        with self._writing, self.db.atomic("IMMEDIATE"):
            yield

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self._connection().execute(statement, values).fetchall()
        return found

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """How many rows it has changed."""
        with self._writing:
            changed: int = self._connection().execute(statement, values).rowcount
        return changed

    def change_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Only inside a transaction: alone, each row would be one."""
        self._connection().executemany(statement, rows)

    def close(self) -> None:
        """Closes this thread's connection; other threads' go with the threads."""
        if not self.db.is_closed():
            self.db.close()

    def _connection(self) -> sqlite3.Connection:
        """This thread's."""
        connection: sqlite3.Connection = self.db.connection()  # type: ignore[no-untyped-call]
        return connection

    def _migrate(self, path: Path) -> None:
        runner = Runner(self.db, str(_MIGRATIONS))
        known = {migration.name for migration in runner.migrations()}
        newer = sorted(set(runner.applied()) - known)
        if newer:
            raise StartupError(
                f"{path} was written by a newer taskdock (migration {newer[-1]});"
                " use that version, or another --data-dir"
            )
        runner.up()
