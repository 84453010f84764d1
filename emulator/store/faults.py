"""Explains SQLite's errors to callers, and makes connections that raise the explained errors.

Python names no error codes before 3.11, so SQLite's words are looked at; they are part of its
interface: https://www.sqlite.org/rescode.html
"""

from __future__ import annotations

import contextlib
import errno
import sqlite3
import threading
from collections.abc import Iterable
from enum import Enum
from pathlib import Path
from typing import Any

from taskdock.base.errors import (
    DatabaseDamaged,
    DatabaseLocked,
    DataFolderLost,
    DiskFull,
    StorageError,
)
from taskdock.base.files.disk import Disk
from taskdock.base.health import Health

DATABASE = "database"
"""The trouble's name in `Health`."""


_HARMLESS = ("SELECT", "PRAGMA", "ROLLBACK", "WITH")
"""Statements that begin so write nothing here."""


class _FaultKind(Enum):
    FULL = "database or disk is full"
    OUTPUT = "disk I/O error"
    READ_ONLY = "attempt to write a readonly database"
    CANNOT_OPEN = "unable to open database file"
    LOCKED = "is locked"
    DAMAGED = "malformed"
    FOREIGN = "file is not a database"
    NO_TABLE = "no such table"


_OF_THE_DISK = (_FaultKind.FULL, _FaultKind.OUTPUT, _FaultKind.READ_ONLY, _FaultKind.CANNOT_OPEN)


class Faults:
    """Explains errors, tells `Health` of them, and refuses writes when they would be lost."""

    def __init__(self, path: Path, disk: Disk) -> None:
        self.health = Health()
        self._path = path
        self._disk = disk
        self._lock = threading.Lock()
        self._troubled: _FaultKind | None = None
        self._inode: tuple[int, int] | None = None
        self.refusal: StorageError | None = None
        """Raised by whatever would write, from now on."""

    @property
    def is_locked(self) -> bool:
        """Another program held the lock when it was tried last."""
        return self._troubled is _FaultKind.LOCKED

    def know_file(self) -> None:
        """From now on only this file counts, and no other file that takes its path."""
        self._inode = _inode(self._path)

    def lost(self) -> str | None:
        """Why what is written would be lost, since the file is another; None: it is there."""
        try:
            if self._inode is None or _inode(self._path) == self._inode:
                return None
            what = "replaced by another"
        except (FileNotFoundError, NotADirectoryError):
            what = "removed or moved away"
        except OSError:  # no proof of anything
            return None
        return (
            f"the database {self._path} was {what} while the server ran; nothing is written any"
            " more: start the server again"
        )

    def explained(self, error: sqlite3.Error) -> Exception:
        """The exception to raise: a `StorageError`, or the error itself where a statement is
        wrong."""
        kind = next((kind for kind in _FaultKind if kind.value in str(error)), None)
        if kind is None or isinstance(error, (sqlite3.IntegrityError, sqlite3.ProgrammingError)):
            return error
        if kind in _OF_THE_DISK and (fault := self._disk.present_fault()):
            return fault
        found = _explain(kind, self._path, error)
        if isinstance(found, DiskFull):
            return self._disk.fault(OSError(errno.ENOSPC, ""))
        self._tell(kind, found.message)
        return found

    def wrote(self) -> None:
        """Something is committed. Quick where there was no trouble."""
        self._disk.works()
        if self._troubled is None or self._troubled is _FaultKind.DAMAGED:
            return
        with self._lock:
            self._troubled = None
            self.health.clear(DATABASE)

    @property
    def is_troubled(self) -> bool:
        """There is something that a write could show to be over."""
        return self._troubled not in (None, _FaultKind.DAMAGED)

    def check(self, sql: str) -> None:
        """Raises the refusal for what is more than a look."""
        if self.refusal is not None and sql.split(None, 1)[0].upper() not in _HARMLESS:
            raise self.refusal

    def _tell(self, kind: _FaultKind, reason: str) -> None:
        with self._lock:
            if self._troubled is not _FaultKind.DAMAGED:
                damaged = kind in (_FaultKind.DAMAGED, _FaultKind.FOREIGN, _FaultKind.NO_TABLE)
                self._troubled = _FaultKind.DAMAGED if damaged else kind
                self.health.report(DATABASE, reason)


def _explain(kind: _FaultKind, path: Path, error: sqlite3.Error) -> StorageError:
    if kind is _FaultKind.FULL:
        return DiskFull()
    if kind is _FaultKind.LOCKED:
        return locked(path)
    if kind is _FaultKind.READ_ONLY:
        return StorageError(
            f"the database {path} may only be read: give this user the right to write it, and the"
            " files beside it whose names begin with its name"
        )
    if kind is _FaultKind.CANNOT_OPEN or kind is _FaultKind.OUTPUT:
        return StorageError(f"the database {path} cannot be used: {error}")
    return damaged(path, str(error))


def damaged(path: Path, what: str) -> DatabaseDamaged:
    """`what`: what is wrong with it."""
    folder = path.parent
    return DatabaseDamaged(
        f"the database {path} is damaged ({what}); taskdock has deleted nothing. While no"
        f" server runs, keep a copy of {folder}, then recover what can be read:"
        f" sqlite3 {path.name} .recover | sqlite3 new.db, and put new.db in its place, without"
        f" {path.name}-wal and {path.name}-shm; or begin anew with another --data-dir"
    )


class SqliteConnection(sqlite3.Connection):
    """Raises what `Faults` makes of its errors."""

    faults: Faults

    @classmethod
    def opened(cls, faults: Faults, *arguments: Any, **options: Any) -> SqliteConnection:
        """With the arguments of `sqlite3.connect`. It makes no file anew, and takes no other's."""
        if reason := faults.lost():
            raise faults.refusal or DataFolderLost(reason)
        try:
            connection = cls(*arguments, **options)
        except sqlite3.Error as error:
            raise faults.explained(error) from error
        connection.faults = faults
        return connection

    def __del__(self) -> None:
        """Closes the connection with its thread: Python warns of open ones from 3.13 on."""
        with contextlib.suppress(sqlite3.Error):
            self.close()

    def cursor(self, _: Any = None) -> _Cursor:  # type: ignore[override]
        return super().cursor(_Cursor)

    # The shortcuts of Python's own, in C, make cursors without asking here.

    def execute(self, sql: str, values: Any = (), /) -> _Cursor:
        return self.cursor().execute(sql, values)

    def executemany(self, sql: str, rows: Iterable[Any], /) -> _Cursor:
        return self.cursor().executemany(sql, rows)


class _Cursor(sqlite3.Cursor):
    connection: SqliteConnection

    def execute(self, sql: str, values: Any = ()) -> _Cursor:
        faults = self.connection.faults
        if faults.refusal is not None:
            faults.check(sql)
        try:
            super().execute(sql, values)
        except sqlite3.Error as error:
            raise faults.explained(error) from error
        return self

    def executemany(self, sql: str, rows: Iterable[Any]) -> _Cursor:
        self.connection.faults.check(sql)
        try:
            super().executemany(sql, rows)
        except sqlite3.Error as error:
            raise self.connection.faults.explained(error) from error
        return self

    def fetchone(self) -> Any:
        try:
            return super().fetchone()
        except sqlite3.Error as error:
            raise self.connection.faults.explained(error) from error

    def fetchall(self) -> list[Any]:
        try:
            return super().fetchall()
        except sqlite3.Error as error:
            raise self.connection.faults.explained(error) from error


def locked(path: Path) -> DatabaseLocked:
    """Another program has begun a transaction, and does not end it."""
    return DatabaseLocked(
        f"another program holds the lock of the database {path}, such as an sqlite3 that has"
        " begun a transaction: end that; nothing that was accepted is lost"
    )


def is_empty(path: Path) -> bool:
    """No database was ever written here."""
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size == 0
    return True


def _inode(path: Path) -> tuple[int, int]:
    """A link in its place is another file."""
    found = path.lstat()
    return found.st_dev, found.st_ino
