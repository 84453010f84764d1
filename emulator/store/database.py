"""Opens the database and gives out transactions; knows what differs between SQLite and others.

SQLite: one file, write-ahead log, one writer at a time with a busy timeout. Connections belong to
threads (peewee keeps one per thread).
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from peewee import DatabaseError, SqliteDatabase

from taskdock.base.errors import DatabaseLocked, StartupError, StorageError
from taskdock.base.files import own_files
from taskdock.base.files.disk import Disk
from taskdock.base.health import Health
from taskdock.store import schema
from taskdock.store.faults import Faults, SqliteConnection, damaged, is_empty, locked

PATIENCE = 10.0  # seconds for a lock, be it a thread's of ours or another program's
_IMPATIENCE = 1.0  # seconds, once another program was met that holds it for longer
_SOON = 0.5  # seconds that a thread may wait for another without its patience getting less
_CHECKPOINT_LIMIT = 1.0  # seconds that a stop waits for who still reads
_PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "normal",  # survives a killed process; a lost machine may lose the last moment
    "foreign_keys": 1,
    "wal_autocheckpoint": 4000,  # pages: 16 MB; who checkpoints waits for the disk, up to 0.1 s
    "journal_size_limit": 16 * 1024 * 1024,  # bytes that the log keeps of a peak, once it is over
}

_FILES = ("", "-wal", "-shm", "-journal")  # what SQLite appends to the name
_LONG_PATH = (
    450  # bytes; SQLite takes 512, with what it appends: https://www.sqlite.org/limits.html
)


class _Sqlite(SqliteDatabase):
    def rollback(self) -> None:
        """SQLite has done it by itself where a disk is full or fails; another ROLLBACK is an error
        that would hide why: https://www.sqlite.org/lang_transaction.html (section 3)."""
        connection: SqliteConnection = self.connection()  # type: ignore[no-untyped-call]
        if connection.in_transaction:
            super().rollback()


class Store:
    """One open database. `store.db` executes queries, `store.transaction()` groups them.

    `rows`, `change` and `change_many` run a statement (`store.sql`) without the object
    mapper, for statements that run many times a second; values are those that the database keeps.

    Both ways raise `StorageError` where the disk or the file fails.
    """

    def __init__(
        self,
        path: Path,
        *,
        health: Health | None = None,
        code: Path | None = None,
        lock_patience: float = PATIENCE,
    ) -> None:
        """`lock_patience`: seconds that a write waits for another program's lock. `code`: a folder;
        where it holds something, there was a database, and an empty one is not begun in its place.
        Raises `StartupError`."""
        self.disk = Disk(path.parent)
        self.path = path
        self._faults = Faults(path, self.disk)
        self._writing = threading.RLock()
        self._patience = lock_patience
        self._busy_milliseconds = int(lock_patience * 1000)
        pragmas = {**_PRAGMAS, "busy_timeout": self._busy_milliseconds}
        self.db = _Sqlite(
            str(path), pragmas=pragmas, factory=partial(SqliteConnection.opened, self._faults)
        )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _check_files(path)
            if is_empty(path):
                _check_first_start(path, code)
            with _made(path):
                schema.refuse_newer(self.db, path)
                if schema.is_new(self.db):
                    _check_first_start(path, code)
                schema.migrate(self.db)
            self._faults.know_file()
        except BaseException as error:
            self.close()
            if isinstance(error, StorageError):
                raise StartupError(f"{error.message}{_hint(path)}") from None
            if isinstance(error, (DatabaseError, OSError)):
                raise StartupError(f"cannot use the database {path}: {error}") from None
            raise
        if health is not None:  # until now, an error is told by itself
            self._faults.health = self.disk.health = health

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A transaction that holds the write lock from its start: it never has to upgrade.

        Inside another one it is part of that. Threads of this process wait for each other here:
        SQLite would have them look again now and then, with pauses of up to 0.1 s.
        """
        if self.db.in_transaction():
            yield
            return
        with self._turn():
            with self.db.atomic("IMMEDIATE"):
                yield
            self._faults.wrote()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """A context in which no other thread writes. It is no transaction, and costs nothing."""
        with self._turn():
            yield

    def rows(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self._connection().execute(statement, values).fetchall()
        return found

    def change(self, statement: str, values: Sequence[Any] = ()) -> int:
        """The number of rows that the statement has changed."""
        with self._turn():
            changed: int = self._connection().execute(statement, values).rowcount
            if not self.db.in_transaction():
                self._faults.wrote()
        return changed

    def change_many(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Only inside a transaction: alone, each row would be one."""
        self._connection().executemany(statement, rows)

    def refuse(self, why: StorageError) -> None:
        """From now on every write raises `why`; transactions under way are rolled back."""
        self._faults.refusal = why

    def lost(self) -> str | None:
        """Why what is written would be lost, since the file is another; None: it is there."""
        return self._faults.lost()

    def look_again(self) -> None:
        """Finds out whether what kept the database from being written is over."""
        self.disk.look_again()
        if self._faults.is_troubled:
            with contextlib.suppress(StorageError), self.transaction():
                version = self.rows("PRAGMA user_version")[0][0]
                self._connection().execute(f"PRAGMA user_version = {version}")  # writes a page

    def close(self, *, checkpoint: bool = False) -> None:
        """Closes this thread's connection; other threads' go with the threads.

        `checkpoint`: everything is in the one file then, and not also in its log, as far as nobody
        reads any more; nothing can be written afterwards.
        """
        if checkpoint:
            limit = int(_CHECKPOINT_LIMIT * 1000)
            with (
                contextlib.suppress(StorageError, DatabaseError),
                self._turn(_CHECKPOINT_LIMIT),
            ):
                self.rows(f"PRAGMA busy_timeout = {limit}")
                self.rows("PRAGMA wal_checkpoint(TRUNCATE)")
            self.refuse(StorageError("the server has stopped"))
        if not self.db.is_closed():
            self.db.close()

    @contextmanager
    def _turn(self, patience: float | None = None) -> Iterator[None]:
        """A context in which this thread has its turn to write. However many wait for another
        program's lock, each waits `patience` seconds (None: the store's), and not for all those
        before it. Raises `DatabaseLocked`."""
        patience = self._patience if patience is None else patience
        began = time.monotonic()
        if not self._writing.acquire(timeout=patience):
            if self._faults.is_locked:  # whoever has the turn waits for another program
                raise locked(self.path)
            raise DatabaseLocked(f"the database {self.path} was busy for {patience:g} s")
        try:
            waited = time.monotonic() - began
            if waited < _SOON and not self._faults.is_locked:
                yield
                return
            left = _IMPATIENCE if self._faults.is_locked else max(patience - waited, 0.0)
            with self._busy_timeout(left):
                yield
        finally:
            self._writing.release()

    @contextmanager
    def _busy_timeout(self, seconds: float) -> Iterator[None]:
        """For this thread's connection."""
        self.rows(f"PRAGMA busy_timeout = {int(seconds * 1000)}")
        try:
            yield
        finally:
            with contextlib.suppress(StorageError):
                self.rows(f"PRAGMA busy_timeout = {self._busy_milliseconds}")

    def _connection(self) -> SqliteConnection:
        """This thread's connection."""
        connection: SqliteConnection = self.db.connection()  # type: ignore[no-untyped-call]
        return connection


def _check_files(path: Path) -> None:
    """SQLite follows links, and Python has no way to forbid it (SQLITE_OPEN_NOFOLLOW is none of the
    parameters of https://www.sqlite.org/uri.html): so they are looked at before. Raises
    `ForeignFile` or `OSError`."""
    for appended in _FILES:
        own_files.check(path.with_name(f"{path.name}{appended}"))


@contextmanager
def _made(path: Path) -> Iterator[None]:
    """An empty database for this user alone, where there is none; SQLite gives its other files the
    same mode. It is gone again where nothing was written to it."""
    is_new = not path.exists()
    if is_new:  # another's locks would go with our descriptor
        os.close(own_files.open_file(path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
    try:
        yield
    except BaseException:
        if is_new and is_empty(path):
            path.unlink(missing_ok=True)
        raise


def _check_first_start(path: Path, code: Path | None) -> None:
    """Raises `StorageError` for a database without anything where there must have been something:
    what it does not name, such as the functions' code, would be taken for waste."""
    log = path.with_name(f"{path.name}-wal")
    if not is_empty(log) and is_empty(path):  # SQLite would remove it
        raise damaged(path, f"it is missing or empty, and its log {log.name} is not")
    if code is not None and code.is_dir() and any(code.iterdir()):
        raise damaged(path, f"it is missing or empty, and {code} has the code of functions")


def _hint(path: Path) -> str:
    long = len(os.fsencode(path)) > _LONG_PATH
    return "; its path is too long: choose a shorter --data-dir" if long else ""
