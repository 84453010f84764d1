"""The data folder: locked by one server at a time, and told from another folder at its path.

It is the user's own and closed to others (`own_folder.py`, `own_files.py`).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
import time
from pathlib import Path
from typing import TextIO

from taskdock.base import ids
from taskdock.base.errors import ForeignFile, StartupError
from taskdock.base.files import own_files
from taskdock.base.files.own_folder import FILES, FOLDERS, IDENTITY, LOCK, check

_TRIES = 5  # to lock a file that others remove at the same moment
_LOOKS = 5  # at a lock that others hold: commands hold it for a moment, to see if a server runs
_PAUSE = 0.02  # seconds between two looks
_GONE = (errno.ENOENT, errno.ENOTDIR)
_OTHERS = 0o077
_PASSING = (".", "tmp", "doctor-")  # names that begin so are of what is half done
_IGNORE = """# Made by taskdock: nothing in this folder is for a repository.
*
"""


class DataFolder:
    """Locked for this process until it is closed."""

    def __init__(self, path: Path) -> None:
        """Makes the folder where there is none. Raises `StartupError`."""
        self.run = ids.word()
        """The content of our lock file, and of no other."""
        self.closed: list[str] = []
        """A sentence for each file and folder that other users could read until now."""
        self.path = made(path)
        try:
            self._lock = self._hold()
        except (OSError, ForeignFile) as error:
            raise _unusable(path, error) from None
        try:
            self._close_to_others()
            self.label = _label(self.path, self._identity())
            """16 hex digits: those of this folder, not of a copy or a later one at its path."""
        except (OSError, ForeignFile) as error:
            self.close()
            raise _unusable(path, error) from None

    def fault(self) -> str | None:
        """Why the folder at the path is not the locked one any more; None: it is.

        The lock file is read, as PostgreSQL does with its own (RecheckDataDirLockFile), since inode
        numbers may change on file systems of virtual machines. A lock file that cannot be read,
        but is not gone, proves nothing.
        """
        try:
            content = own_files.read(self.path / LOCK)
        except ForeignFile:
            what = "replaced by another"
        except OSError as error:
            if error.errno not in _GONE:
                return None
            what = "removed or moved away"
        else:
            if content == self.run:
                return None
            what = "replaced by another"
        return (
            f"the data folder {self.path} was {what} while the server ran; nothing is written any"
            " more: start the server again"
        )

    def close(self) -> None:
        """Gives up the lock: another server may have the folder. Closing again is harmless."""
        self._lock.close()

    def _hold(self) -> TextIO:
        """Locks the lock file. Raises `OSError`, or `StartupError` where another server has it."""
        file = self.path / LOCK
        for _ in range(_TRIES):
            # The file is emptied only once it is locked: until then it says who holds it.
            lock = open(own_files.open_file(file, os.O_RDWR | os.O_CREAT), "r+")  # noqa: SIM115
            try:
                _lock(lock)
                if _is_still(lock, file):
                    lock.truncate(0)
                    lock.write(self.run)
                    lock.flush()
                    return lock
            except BlockingIOError:
                lock.close()
                raise StartupError(
                    f"another taskdock uses the data folder {self.path}; stop it, or choose"
                    " another --data-dir"
                ) from None
            except OSError:
                with contextlib.suppress(OSError):  # closing tries to write once more
                    lock.close()
                raise
            lock.close()
        raise StartupError(f"the lock file of {self.path} is removed again and again")

    def _identity(self) -> str:
        """The folder's own word, made at the first start. Raises `OSError`."""
        file = self.path / IDENTITY
        with contextlib.suppress(FileNotFoundError):
            if known := own_files.read(file).strip():
                return known
        own_files.write(file, f"{self.run}\n")
        return self.run

    def _close_to_others(self) -> None:
        """Takes other users' rights to the folder away, whatever the umask was. Containers get
        their files by mounts, which need no rights. Raises `ForeignFile` or `OSError`."""
        for name in (*FILES, *FOLDERS):
            if own_files.check(self.path / name, _kind(name)):
                self._close_one(self.path / name)
        mode = stat.S_IMODE(self.path.stat().st_mode)
        if mode & _OTHERS and any(_is_strange(name) for name in os.listdir(self.path)):
            self.closed.append(
                f"{self.path} has other files than taskdock's, so that it stays open to other users"
                f" (mode {mode:04o}); a --data-dir of its own would be closed to them"
            )
        else:
            self._close_one(self.path)

    def _close_one(self, path: Path) -> None:
        mode = stat.S_IMODE(path.stat().st_mode)
        if not mode & _OTHERS:
            return
        with contextlib.suppress(PermissionError):  # some file systems have no modes
            path.chmod(mode & ~_OTHERS)
        now = stat.S_IMODE(path.stat().st_mode)
        end = "is closed to them" if not now & _OTHERS else "cannot be closed to them"
        self.closed.append(f"{path} was open to other users (mode {mode:04o}), and {end} now")


def _lock(file: TextIO) -> None:
    """Raises `BlockingIOError` where another server holds the lock, and `OSError`."""
    for _ in range(_LOOKS - 1):
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_PAUSE)
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def made(path: Path) -> Path:
    """The data folder as an absolute path without links. It exists and is the user's own.

    Raises `StartupError`.
    """
    try:
        folder = check(path)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=0o700, parents=True)
            folder.chmod(0o700)
            own_files.write(folder / ".gitignore", _IGNORE)
        return check(path)
    except (OSError, ForeignFile) as error:
        raise _unusable(path, error) from None


def _unusable(path: Path, error: OSError | ForeignFile) -> StartupError:
    if isinstance(error, ForeignFile):
        return StartupError(error.message)
    why = error.strerror or error
    return StartupError(f"cannot use the data folder {_whole(path)}: {why}")


def _whole(path: Path) -> Path:
    try:
        return path.resolve()
    except OSError:  # the current folder was removed
        return path


def _kind(name: str) -> int:
    return stat.S_IFDIR if name in FOLDERS else stat.S_IFREG


def _is_strange(name: str) -> bool:
    return name not in (*FILES, *FOLDERS, "cache") and not name.startswith(_PASSING)


def label_of(path: Path) -> str:
    """The label of the containers of the server that has, or had, this data folder: 16 hex digits.

    Raises `FileNotFoundError` where no server has used the folder yet.
    """
    return _label(path.resolve(), own_files.read(path / IDENTITY).strip())


def _label(path: Path, identity: str) -> str:
    return hashlib.sha256(f"{identity} {path}".encode(errors="surrogateescape")).hexdigest()[:16]


def _is_still(lock: TextIO, file: Path) -> bool:
    """Whether `file` is still the file that was locked, and not another at its path."""
    try:
        there = file.lstat()
    except FileNotFoundError:
        return False
    ours = os.fstat(lock.fileno())
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
