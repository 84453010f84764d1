"""Servers of this user that run on this machine: found by their data folders.

A server holds the lock of its data folder as long as it lives, and keeps its address in the folder
meanwhile. So what nobody holds was left by a server that was killed, or came with an archive, and
counts for nothing; so does a folder that is not the user's own.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from taskdock.base.errors import TaskdockError
from taskdock.base.files import own_folder

_VARIABLE = "TASKDOCK_DATA_DIR"


@dataclass(frozen=True)
class Running:
    """A server: its URL, and its data folder as an absolute path."""

    url: str
    folder: Path


def nearest(environment: Mapping[str, str]) -> Running | None:
    """The server on the data folder of the current folder, or of the nearest folder above. Where
    TASKDOCK_DATA_DIR names a data folder, that is the only one that counts."""
    for folder in _near(environment):
        if os.path.lexists(folder / own_folder.CREDENTIALS) and (found := on(folder)):
            return found
    return None


def data_folder(environment: Mapping[str, str]) -> Path | None:
    """The data folder that this folder belongs to, whether its server runs or not: the nearest one,
    or that of TASKDOCK_DATA_DIR, which may be missing yet."""
    is_named = bool(environment.get(_VARIABLE))
    return next(
        (
            each
            for each in _near(environment)
            if is_named or os.path.lexists(each / own_folder.LOCK)
        ),
        None,
    )


def on(folder: Path) -> Running | None:
    """The server that runs on this data folder."""
    from taskdock.client.servers import credentials  # noqa: PLC0415 - late: see `nearest`

    try:
        if not is_held(folder):
            return None
        url = credentials.read(folder)["API_HOST"]
        return Running(url, folder.resolve())
    except (TaskdockError, OSError):
        return None


def is_held(folder: Path) -> bool:
    """Whether a server holds this data folder: it starts, runs or stops."""
    from taskdock.client.servers import credentials  # noqa: PLC0415 - late: see `nearest`

    return credentials.is_held(folder / own_folder.LOCK)


def all_of_this_user(environment: Mapping[str, str]) -> list[Running]:
    """Those that `taskdock serve` has started, in any folder; by their URLs."""
    from taskdock.base.files import registry  # noqa: PLC0415 - late: see `nearest`

    found = {one.folder: one for folder in registry.folders(environment) if (one := on(folder))}
    return sorted(found.values(), key=lambda one: one.url)


def at(url: str, environment: Mapping[str, str]) -> Running | None:
    """The server of this user that `url` means, also by another name of this machine."""
    from taskdock.client.servers import credentials  # noqa: PLC0415 - late: see `nearest`

    near = nearest(environment)
    known = [*([near] if near else ()), *all_of_this_user(environment)]
    return next((one for one in known if credentials.is_same_place(one.url, url)), None)


def _near(environment: Mapping[str, str]) -> Iterator[Path]:
    if given := environment.get(_VARIABLE):
        yield Path(given)
        return
    try:
        here = Path.cwd()
    except OSError:  # the folder was removed
        return
    yield own_folder.DEFAULT
    for folder in here.parents:
        yield folder / own_folder.DEFAULT
