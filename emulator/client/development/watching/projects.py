"""Projects: the functions of some paths, found again as folders come and go."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from taskdock.client.deployment.config import task_config
from taskdock.client.development.watching.stamps import is_never_read
from taskdock.client.development.watching.watcher import Watched
from taskdock.client.errors import BadTaskConfig


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The task-config.json files of the paths, each once. Raises `BadTaskConfig` for a path that
    has none."""
    return list(_once(file for path in paths for file in task_config.find(path)))


def files_there(paths: Sequence[Path]) -> list[Path]:
    """As `files_of`, where a path may have none at the moment."""
    found: list[Path] = []
    for path in paths:
        with suppress(BadTaskConfig):
            found += task_config.find(path)
    return list(_once(iter(found)))


def to_watch(paths: Sequence[Path], files: Sequence[Path]) -> list[Watched]:
    """The folders to watch: those of functions with all that is in them, and those in which new
    functions may appear."""
    functions = {Path(os.path.abspath(file.parent)) for file in files}
    whole = {folder for folder in functions if not functions.intersection(folder.parents)}
    above: set[Path] = set()
    for path in paths:
        folder = Path(os.path.abspath(path if path.is_dir() else path.parent))
        above.add(folder)
        above.update(_folders_in(folder))
        # A folder that goes and comes back is seen by the one that it is in.
        above.add(folder.parent)
    inside = {folder for folder in above if folder in whole or whole.intersection(folder.parents)}
    return [
        *(Watched(folder) for folder in sorted(whole)),
        *(Watched(folder, recursive=False) for folder in sorted(above - inside)),
    ]


def _folders_in(folder: Path) -> Iterator[Path]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir() and not is_never_read(entry.path, str(folder)):
                yield Path(entry.path)


def _once(files: Iterator[Path]) -> Iterator[Path]:
    """Absolute paths, as events have them."""
    return iter(dict.fromkeys(Path(os.path.abspath(file)) for file in files))
