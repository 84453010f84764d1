"""Hints for files that cannot be read or written."""

from __future__ import annotations

import re

from taskdock.client.failures.failed_run import TASK_ROOT, FailedRun

_NOT_READABLE = re.compile(
    r"EACCES: permission denied, (?:open|scandir|access) '([^']+)'"
    r"|\[Errno 13\] Permission denied: '([^']+)'"
)
_READ_ONLY = ("EROFS: read-only file system", "[Errno 30] Read-only file system")
_FULL = ("ENOSPC: no space left on device", "[Errno 28] No space left on device")
_NO_FILE = re.compile(
    r"ENOENT: no such file or directory, (?:open|scandir|stat|lstat|access) '([^']+)'"
    r"|\[Errno 2\] No such file or directory: '([^']+)'"
)


def not_readable(failed: FailedRun) -> str | None:
    """A file of the package whose mode is the author's alone; functions run as another user."""
    match = _NOT_READABLE.search(failed.message)
    if match is None:
        return None
    path = _inside(match[1] or match[2])
    if path is None or not (failed.has(path) or TASK_ROOT in failed.message):
        return None
    return (
        f"{path} of the package may be read by its owner alone, and functions run as another user,"
        f" on AWS too: chmod a+r {path}, then deploy again"
    )


def read_only(failed: FailedRun) -> str | None:
    if not failed.message.startswith(_READ_ONLY):
        return None
    return "functions may write into /tmp alone; all else is read-only, on AWS too"


def disk_full(failed: FailedRun) -> str | None:
    if not failed.message.startswith(_FULL):
        return None
    return (
        "the disk of /tmp is full: it has 512 MB, and what earlier calls in the same container have"
        " written is still there; remove files when they are no longer needed"
    )


def not_packed(failed: FailedRun) -> str | None:
    """A file that the function expects in its package."""
    match = _NO_FILE.search(failed.message)
    names = failed.code.names()
    path = None if match is None else _inside(match[1] or match[2])
    if path is None or not names or failed.has(path):
        return None
    last = path.rpartition("/")[2]
    same = [name for name in names if name.rpartition("/")[2] == last]
    found = f"; it has {same[0]}" if same else ""
    return f"the package has no {path}{found}: files have to be in the folder of the code"


def _inside(path: str) -> str | None:
    """From the folder of the code on, in which functions start; None for a file elsewhere."""
    if path.startswith(TASK_ROOT):
        return path[len(TASK_ROOT) :]
    return None if path.startswith("/") else path.removeprefix("./")
