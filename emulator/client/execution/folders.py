"""Data folders of servers that live as long as one command: made, removed, and swept up."""

from __future__ import annotations

import fcntl
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path

from taskdock.base.errors import ForeignFile
from taskdock.base.files import own_files, user_folders
from taskdock.base.files.own_folder import LOCK
from taskdock.base.machine.signals import Held

_PREFIX = "exec-"
_AGE = timedelta(minutes=10)  # of a folder whose server has certainly started, or never will


@contextmanager
def passing(environment: Mapping[str, str], now: datetime) -> Iterator[Path]:
    """A new folder for the time of the block.

    It is in the user's cache: an engine may not see the folder of temporary files, as Docker's
    snap does not. Folders whose command was killed together with its server are removed.
    """
    cache = user_folders.cache(environment)
    for left in cache.glob(f"{_PREFIX}*"):
        if _is_abandoned(left, now):
            shutil.rmtree(left, ignore_errors=True)
    with Held() as held:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=cache))
        try:
            held.release()
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _is_abandoned(folder: Path, now: datetime) -> bool:
    with suppress(OSError, ForeignFile):
        changed = datetime.fromtimestamp(folder.stat().st_mtime, now.tzinfo)
        if now - changed < _AGE:
            return False
        lock = folder / LOCK
        if not lock.exists():
            return True
        with open(own_files.open_file(lock)) as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return True
    return False
