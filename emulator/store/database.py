"""Opens the database and gives out transactions; knows what differs between SQLite and others.

SQLite: one file, write-ahead log, one writer at a time with a busy timeout. Connections belong to
threads (peewee keeps one per thread).
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from peewee import SqliteDatabase
from playhouse.migrations import Runner

from emulator.errors import StartupError

_MIGRATIONS = Path(__file__).parent / "migrations"
_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "normal",  # survives a killed process; a lost machine may lose the last moment
    "busy_timeout": 10_000,
    "foreign_keys": 1,
}


class Store:
    """One open database. `store.db` executes queries, `store.transaction()` groups them."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.db = SqliteDatabase(str(path), pragmas=_PRAGMAS)
        self._migrate(path)

    def transaction(self) -> AbstractContextManager[Any]:
        """A transaction that holds the write lock from its start: it never has to upgrade."""
        transaction: AbstractContextManager[Any] = self.db.atomic("IMMEDIATE")
        return transaction

    def close(self) -> None:
        """Closes this thread's connection; other threads' go with the threads."""
        if not self.db.is_closed():
            self.db.close()

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
