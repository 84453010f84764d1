"""The data folder: held by one server at a time, and known again when another has its place."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
from pathlib import Path
from typing import TextIO

from emulator import ids
from emulator.errors import StartupError

_LOCK = "lock"
_IDENTITY = "id"
_TRIES = 5  # to lock a file that others remove at the same moment
_GONE = (errno.ENOENT, errno.ENOTDIR)


class DataFolder:
    """Locked for this process until it is closed."""

    def __init__(self, path: Path) -> None:
        """Makes the folder where there is none. Raises `StartupError`."""
        self.path = path.resolve()
        self._run = ids.word()  # what our lock file says, and no other
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = self._hold()
        except OSError as error:
            raise StartupError(
                f"cannot use the data folder {self.path}: {error.strerror or error}"
            ) from None
        try:
            self.label = _label(self.path, self._identity())
            """Names this folder and no other, not even one that later has its path, or a copy."""
        except OSError as error:
            self.close()
            raise StartupError(
                f"cannot use the data folder {self.path}: {error.strerror or error}"
            ) from None

    def fault(self) -> str | None:
        """Why this is not the folder any more that was locked; None: it is.

        The lock file is read, as PostgreSQL does with its own (RecheckDataDirLockFile): its number
        may change on file systems of virtual machines. What cannot be read for another reason than
        that it is gone is no proof of anything.
        """
        try:
            said = (self.path / _LOCK).read_text()
        except OSError as error:
            if error.errno not in _GONE:
                return None
            what = "removed or moved away"
        else:
            if said == self._run:
                return None
            what = "replaced by another"
        return (
            f"the data folder {self.path} was {what} while the server ran; nothing is written any"
            " more: start the server again"
        )

    def close(self) -> None:
        """Another server may have the folder from now on. Closing again is harmless."""
        self._lock.close()

    def _hold(self) -> TextIO:
        """Raises `OSError`, or `StartupError` when another has it."""
        file = self.path / _LOCK
        for _ in range(_TRIES):
            # Not emptied before it is ours: it says who holds it.
            lock = open(file, "a+")  # noqa: SIM115 - held as long as the server lives
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if _is_still(lock, file):
                    lock.truncate(0)
                    lock.write(self._run)
                    lock.flush()
                    return lock
            except BlockingIOError:
                lock.close()
                raise StartupError(
                    f"another taskdock uses the data folder {self.path}; stop it, or choose"
                    " another --data-dir"
                ) from None
            except OSError:
                with contextlib.suppress(OSError):  # what could not be written is tried once more
                    lock.close()
                raise
            lock.close()
        raise StartupError(f"the lock file of {self.path} is removed again and again")

    def _identity(self) -> str:
        """Made once. Raises `OSError`."""
        file = self.path / _IDENTITY
        with contextlib.suppress(FileNotFoundError):
            if known := file.read_text().strip():
                return known
        half_done = self.path / f".{_IDENTITY}-{self._run}"
        try:
            half_done.write_text(f"{self._run}\n")
            half_done.replace(file)
        finally:
            half_done.unlink(missing_ok=True)
        return self._run


def label_of(path: Path) -> str:
    """What names the containers of the server that has, or had, this data folder.

    Raises `FileNotFoundError` where no server was yet.
    """
    return _label(path.resolve(), (path / _IDENTITY).read_text().strip())


def _label(path: Path, identity: str) -> str:
    return hashlib.sha256(f"{identity} {path}".encode(errors="surrogateescape")).hexdigest()[:16]


def _is_still(lock: TextIO, file: Path) -> bool:
    """Whether who opens this path now gets the file that we have locked."""
    try:
        there = os.stat(file)
    except FileNotFoundError:
        return False
    ours = os.fstat(lock.fileno())
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
