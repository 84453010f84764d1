"""Locks among all processes of a user, in files: one pull or build of a thing at a time."""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from taskdock.base.errors import EngineError


@contextmanager
def exclusive(lock: Path, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Holds `lock` against other threads and other processes; calls `waiting` if another has it."""
    with _opened(lock) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _opened(lock: Path) -> IO[str]:
    """Another user's file (root's, after a sudo) can be locked as well: it need not be written."""
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        try:
            return lock.open("w")
        except PermissionError:
            return lock.open()
    except OSError as error:
        raise EngineError(f"{lock} cannot be used: {error.strerror}; it can be deleted") from None
