"""The data folder: held by one server at a time, and known again when another has its place.

It is the user's own and closed to others (`own_folder.py`, `own_files.py`).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import stat
from pathlib import Path
from typing import TextIO

from emulator.base import ids
from emulator.base.errors import ForeignFile, StartupError
from emulator.base.files import own_files
from emulator.base.files.own_folder import FILES, FOLDERS, IDENTITY, LOCK, check

_TRIES = 5  # to lock a file that others remove at the same moment
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
        self._run = ids.word()  # what our lock file says, and no other
        self.closed: list[str] = []
        """What others could read, or could go into, until now: a sentence each."""
        self.path = made(path)
        try:
            self._lock = self._hold()
        except (OSError, ForeignFile) as error:
            raise _unusable(path, error) from None
        try:
            self._close_to_others()
            self.label = _label(self.path, self._identity())
            """Names this folder and no other, not even one that later has its path, or a copy."""
        except (OSError, ForeignFile) as error:
            self.close()
            raise _unusable(path, error) from None

    def fault(self) -> str | None:
        """Why this is not the folder any more that was locked; None: it is.

        The lock file is read, as PostgreSQL does with its own (RecheckDataDirLockFile): its number
        may change on file systems of virtual machines. What cannot be read for another reason than
        that it is gone is no proof of anything.
        """
        try:
            said = own_files.read(self.path / LOCK)
        except ForeignFile:
            what = "replaced by another"
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
        file = self.path / LOCK
        for _ in range(_TRIES):
            # Not emptied before it is ours: it says who holds it.
            lock = open(own_files.open_file(file, os.O_RDWR | os.O_CREAT), "r+")  # noqa: SIM115
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
        file = self.path / IDENTITY
        with contextlib.suppress(FileNotFoundError):
            if known := own_files.read(file).strip():
                return known
        own_files.write(file, f"{self._run}\n")
        return self._run

    def _close_to_others(self) -> None:
        """Whatever the umask was; containers get what they need from it by mounts, for which the
        engine asks nobody. Raises `ForeignFile` or `OSError`."""
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
        with contextlib.suppress(PermissionError):  # there are file systems that have no modes
            path.chmod(mode & ~_OTHERS)
        now = stat.S_IMODE(path.stat().st_mode)
        said = "is closed to them" if not now & _OTHERS else "cannot be closed to them"
        self.closed.append(f"{path} was open to other users (mode {mode:04o}), and {said} now")


def made(path: Path) -> Path:
    """The data folder, there and the user's own; as an absolute path without links.

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
    return StartupError(f"cannot use the data folder {path.resolve()}: {why}")


def _kind(name: str) -> int:
    return stat.S_IFDIR if name in FOLDERS else stat.S_IFREG


def _is_strange(name: str) -> bool:
    return name not in (*FILES, *FOLDERS, "cache") and not name.startswith(_PASSING)


def label_of(path: Path) -> str:
    """What names the containers of the server that has, or had, this data folder.

    Raises `FileNotFoundError` where no server was yet.
    """
    return _label(path.resolve(), own_files.read(path / IDENTITY).strip())


def _label(path: Path, identity: str) -> str:
    return hashlib.sha256(f"{identity} {path}".encode(errors="surrogateescape")).hexdigest()[:16]


def _is_still(lock: TextIO, file: Path) -> bool:
    """Whether who opens this path now gets the file that we have locked."""
    try:
        there = file.lstat()
    except FileNotFoundError:
        return False
    ours = os.fstat(lock.fileno())
    return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
