"""The disk that has the data folder: what keeps it from being written, for who has to mend it.

A full disk comes as many errors, from SQLite and from the kernel; callers, `/health` and the log
get one sentence for all of them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from emulator.base.errors import DiskFull, StorageError
from emulator.base.health import Health
from emulator.base.machine.descriptors import DESCRIPTORS, EXHAUSTED, OUT_OF_DESCRIPTORS
from emulator.base.timing.clock import SystemClock

DISK = "disk"
"""The trouble's name in `Health`."""
_ENOUGH = b"\0" * 65_536  # bytes: where they fit, the next commit does too
_AGE = 1.0  # seconds that a finding is good for: each try writes to a disk that has trouble
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SHORTAGES = (*_FULL, *OUT_OF_DESCRIPTORS, errno.EROFS)
"""Numbers of errors that are nobody's fault who asked for something, and that may pass."""


class Disk:
    """For any thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.health = Health()
        self._clock = SystemClock()
        self._lock = threading.Lock()
        self._found: tuple[float, OSError | None] = (float("-inf"), None)
        self._telling = threading.RLock()  # else what has ended meanwhile may be told for ever
        self._troubled: set[str] = set()  # names of troubles that are told

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """What the kernel refuses within is raised as `StorageError`, and told in `Health`."""
        try:
            yield
        except OSError as error:
            raise self.fault(error) from error

    def fault(self, error: OSError) -> StorageError:
        """What to raise for this error; it is told in `Health` from now on."""
        found = explain(error, self.folder)
        name = DESCRIPTORS if error.errno in OUT_OF_DESCRIPTORS else DISK
        with self._telling:
            self._troubled.add(name)
            self.health.report(name, found.message)
        return found

    def met(self) -> StorageError | None:
        """What keeps a file from being written now; None: nothing does. That is tried out."""
        error = self._try()
        return None if error is None else self.fault(error)

    def works(self) -> None:
        """Something was written. Quick where there was no trouble."""
        if not self._troubled:
            return
        with self._telling:
            while self._troubled:
                self.health.clear(self._troubled.pop())

    def look_again(self) -> None:
        """Whether a trouble is over."""
        if self._troubled and self._try() is None:
            self.works()

    def _try(self) -> OSError | None:
        with self._lock:
            at, error = self._found
            if self._clock.monotonic() - at > _AGE:
                error = _refusal(self.folder)
                self._found = self._clock.monotonic(), error
        return error


def explain(error: OSError, folder: Path) -> StorageError:
    if error.errno in _FULL:
        what = "its quota is used up" if error.errno == errno.EDQUOT else "is full"
        return DiskFull(
            f"the disk that has {folder} {what}: free some space; nothing that was accepted is lost"
        )
    if error.errno == errno.EROFS:
        return StorageError(
            f"the disk that has {folder} can only be read (often after an error: see dmesg);"
            " mount it for writing again"
        )
    if error.errno in OUT_OF_DESCRIPTORS:
        return StorageError(EXHAUSTED)
    why = error.strerror or str(error)
    return StorageError(f"{error.filename or folder} cannot be used: {why}")


def _refusal(folder: Path) -> OSError | None:
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(_ENOUGH)
            os.fsync(file.fileno())
    except OSError as error:
        return error
    return None
