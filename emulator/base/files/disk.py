"""The disk of the data folder: why it cannot be written, in a sentence for people.

A full disk shows as many errors, of SQLite and of the kernel. Callers, `/health` and the log get
one sentence for all of them.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from taskdock.base.errors import DiskFull, StorageError
from taskdock.base.health import Health
from taskdock.base.machine.descriptors import DESCRIPTORS, EXHAUSTED, OUT_OF_DESCRIPTORS
from taskdock.base.timing.clock import SystemClock

DISK = "disk"
"""Name of the trouble in `Health`."""
_ENOUGH = b"\0" * 65_536  # where so many bytes fit, the next commit does too
_AGE = 1.0  # seconds that the result of a try is used: each try writes to a disk in trouble
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
SHORTAGES = (*_FULL, *OUT_OF_DESCRIPTORS, errno.EROFS)
"""Error numbers of shortages: no caller is at fault, and they may pass."""


class Disk:
    """For any thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.health = Health()
        self._clock = SystemClock()
        self._lock = threading.Lock()
        self._latest: tuple[float, OSError | None] = (float("-inf"), None)  # try: when, its error
        self._reporting = threading.RLock()  # else an ended trouble may be reported for ever
        self._reported: set[str] = set()  # names of troubles

    @contextlib.contextmanager
    def explained(self) -> Iterator[None]:
        """Inside, an `OSError` becomes a `StorageError`, and is reported to `Health`."""
        try:
            yield
        except OSError as error:
            raise self.fault(error) from error

    def fault(self, error: OSError) -> StorageError:
        """The error to raise in place of `error`, which is reported to `Health`."""
        found = explain(error, self.folder)
        name = DESCRIPTORS if error.errno in OUT_OF_DESCRIPTORS else DISK
        with self._reporting:
            self._reported.add(name)
            self.health.report(name, found.message)
        return found

    def present_fault(self) -> StorageError | None:
        """Why no file can be written now, by trying to write one; None: it can be written."""
        error = self._try()
        return None if error is None else self.fault(error)

    def works(self) -> None:
        """Something was written, so the troubles are over. Quick where there are none."""
        if not self._reported:
            return
        with self._reporting:
            while self._reported:
                self.health.clear(self._reported.pop())

    def look_again(self) -> None:
        """Clears the troubles where a file can be written again."""
        if self._reported and self._try() is None:
            self.works()

    def _try(self) -> OSError | None:
        with self._lock:
            tried_at, error = self._latest
            if self._clock.monotonic() - tried_at > _AGE:
                error = _refusal(self.folder)
                self._latest = self._clock.monotonic(), error
        return error


def explain(error: OSError, folder: Path) -> StorageError:
    """`error`, which came from a file in `folder`, with a message for people."""
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
