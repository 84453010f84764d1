"""Stamps of files: what tells, without reading a file, that it has changed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

Stamp = tuple[int, int, int, int]
"""Of a file or a link: time of change in nanoseconds, bytes, inode, mode."""
Stamps = Mapping[str, Stamp]
"""By the paths of files, as the system has them."""

_NEVER_READ = frozenset((".git", ".hg", ".svn", ".taskdock", ".venv", "__pycache__"))
"""Folders that change by themselves, and that no function and no build is made of."""


def stamp(status: os.stat_result) -> Stamp:
    return status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode


def stamps(folder: Path) -> Stamps:
    """The stamps of all files and links in a folder. Links are not followed, and what cannot be
    looked at is left out."""
    found: dict[str, Stamp] = {}
    waiting = [str(folder)]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                if entry.name in _NEVER_READ:
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                    continue
                with suppress(OSError):
                    found[entry.path] = stamp(entry.stat(follow_symlinks=False))
    return found


def is_never_read(path: str, folder: str) -> bool:
    """Whether the path is in one of the folders of `folder` that are never looked into."""
    below = os.path.relpath(path, folder)
    return not _NEVER_READ.isdisjoint(below.split(os.sep))


def changed(before: Stamps, after: Stamps) -> set[str]:
    """The paths that are new, gone, or have another stamp."""
    return {path for path, found in after.items() if before.get(path) != found} | (
        before.keys() - after.keys()
    )
