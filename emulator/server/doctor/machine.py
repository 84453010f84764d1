"""Measurements of this machine: disks, limits of the kernel, the data folder.

`judge_machine` judges the figures. Every attempt that changes something is undone.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import http.client
import json
import os
import resource
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from taskdock.base import ids
from taskdock.base.errors import ForeignFile, StartupError
from taskdock.base.files import own_files, own_folder
from taskdock.base.machine.descriptors import raise_limit
from taskdock.server.doctor.judges.judge_machine import (
    UNLIMITED,
    Descriptors,
    DiskSpace,
    FolderState,
    Inotify,
    Loops,
)

_SECONDS_TO_ANSWER = 2.0
_LOOP_CONTROL = "/dev/loop-control"
_GET_FREE = 0x4C82  # LOOP_CTL_GET_FREE, see linux/loop.h


def descriptors() -> Descriptors:
    """The limit of open files, and the limit to which a server raises it. Raises the limit of this
    process, too."""
    given, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(StartupError):  # the limit is too low, which `judge_machine` reports
        raise_limit()
    raised, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    return Descriptors(*(UNLIMITED if limit == unlimited else limit for limit in (given, raised)))


def room(folder: Path) -> DiskSpace:
    """The free space of the disk where `folder` is or would be. Raises `OSError`."""
    there = next(path for path in (folder, *folder.parents) if os.path.exists(path))
    seen = os.statvfs(there)
    files = seen.f_favail if seen.f_files else None
    return DiskSpace(folder, shutil.disk_usage(there).free, files)


def loops() -> Loops:
    """The loop devices. Asks the kernel for a free device, which the kernel makes if there is none,
    and does not use that device."""
    there = [path.name for path in Path("/sys/block").glob("loop[0-9]*")]
    used = sum(Path(f"/sys/block/{name}/loop/backing_file").exists() for name in there)
    try:
        control = os.open(_LOOP_CONTROL, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.ioctl(control, _GET_FREE)
        finally:
            os.close(control)
    except OSError as error:
        return Loops(used, len(there), f"{_LOOP_CONTROL}: {error.strerror}")
    return Loops(used, len(there))


def inotify() -> Inotify | None:
    """This user's limits of inotify. None: this system has no inotify."""
    figures = Path("/proc/sys/fs/inotify")
    if not figures.exists():
        return None
    instances = int((figures / "max_user_instances").read_text())
    watches = int((figures / "max_user_watches").read_text())
    made = ctypes.CDLL(None, use_errno=True).inotify_init1(os.O_CLOEXEC)
    if made < 0:
        return Inotify(instances, watches, os.strerror(ctypes.get_errno()))
    os.close(made)
    return Inotify(instances, watches)


def data_folder(path: Path) -> FolderState:
    """The state of the data folder, found by doing in it what a server does at its start.

    `path`: the setting's value, as the user gave it.
    """
    is_new = False
    try:
        own_folder.check(path)
        path = path.resolve()
        is_new = not path.exists()
        with made(path):
            fault = _try_database(path)
            return FolderState(path, fault, is_new, *_holder(path))
    except ForeignFile as error:
        return FolderState(path, foreign=error.message)
    except OSError as error:
        return FolderState(path, error.strerror or str(error), is_new)


@contextmanager
def made(folder: Path) -> Iterator[None]:
    """Makes the folder and its parents; at the end removes those that were made, if empty."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    finally:
        for path in missing:
            with contextlib.suppress(OSError):  # the folder was not made, or is not empty
                path.rmdir()


@contextmanager
def workshop(data: Path) -> Iterator[Path]:
    """A temporary folder in the data folder, for the files of the checks. Raises `OSError`."""
    with (
        made(data),
        tempfile.TemporaryDirectory(
            dir=data, prefix="doctor-", ignore_cleanup_errors=True
        ) as folder,
    ):
        Path(folder).chmod(0o755)
        yield Path(folder)


def _try_database(folder: Path) -> str:
    """The fault of SQLite with a file beside the server's, with a name as long. "": no fault."""
    file = folder / f"d{ids.word(6)}r.db"
    try:
        with contextlib.closing(sqlite3.connect(file, timeout=1)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("CREATE TABLE tried (value BLOB)")
            database.execute("INSERT INTO tried VALUES (zeroblob(65536))")
            database.commit()
    except sqlite3.Error as error:
        return str(error)
    finally:
        for path in (file, Path(f"{file}-wal"), Path(f"{file}-shm"), Path(f"{file}-journal")):
            with contextlib.suppress(OSError):
                path.unlink()
    return ""


def _holder(folder: Path) -> tuple[bool, str]:
    """Whether a server holds the folder's lock, and the server's URL; "": the URL is not known."""
    try:
        with open(own_files.open_file(folder / own_folder.LOCK)) as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return False, ""
    except BlockingIOError:
        pass
    except (OSError, ForeignFile):
        return False, ""
    with contextlib.suppress(OSError, ForeignFile):
        for line in own_files.read(folder / own_folder.CREDENTIALS).splitlines():
            name, _, value = line.partition("=")
            if name == "API_HOST":
                return True, value
    return True, ""


def taskdock_at(url: str) -> str | None:
    """The version of the taskdock that serves at `url`. None: no taskdock serves there."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "localhost", parts.port, timeout=_SECONDS_TO_ANSWER
    )
    try:
        connection.request("GET", "/health")
        with connection.getresponse() as answer:
            health = json.loads(answer.read(1 << 20))  # bytes; the list of troubles can be long
        return str(health["version"]) if "environments" in health else None
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()
