"""Polling: looks at files again and again, where no events come of their changes."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from taskdock.client.development.watching.stamps import Stamp, Stamps, changed, stamp, stamps

PAUSE = 0.3
"""Seconds between two looks."""


def poll(
    folders: Iterable[Path],
    *,
    recursive: bool,
    stop: threading.Event,
    began: Callable[[], object],
    take: Callable[[set[str]], object],
    go_on: Callable[[], bool],
) -> None:
    """Looks until `stop` is set, or `go_on` says no after a look. `began` is called after the first
    look, and `take` with the paths that have changed since the look before."""
    folders = list(folders)
    before = _look(folders, recursive)
    began()
    while not stop.wait(PAUSE):
        now = _look(folders, recursive)
        found = changed(before, now)
        before = now
        if found:
            take(found)
        if not go_on():
            return


def _look(folders: list[Path], recursive: bool) -> Stamps:
    found: dict[str, Stamp] = {}
    for folder in folders:
        found.update(stamps(folder) if recursive else _entries(folder))
    return found


def _entries(folder: Path) -> Stamps:
    """The stamps of the folder's own entries. Of a folder in it counts only which one it is."""
    found: dict[str, Stamp] = {}
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with suppress(OSError):
                status = entry.stat(follow_symlinks=False)
                is_folder = entry.is_dir(follow_symlinks=False)
                found[entry.path] = (0, 0, status.st_ino, 0) if is_folder else stamp(status)
    return found
