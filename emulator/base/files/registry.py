"""The data folders of this user's servers, so that a command in any other folder finds them.

For each server there is a file in the user's cache, whose content is the path of the data folder.
The data folder alone says whether a server runs there and at which address: an entry that was left
by a server that was killed leads nowhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from taskdock.base.errors import ForeignFile, StartupError
from taskdock.base.files import own_files, user_folders

_FOLDER = "servers"


def enter(folder: Path, environment: Mapping[str, str]) -> None:
    """Adds a data folder. Where the cache cannot be written, other folders do not find it."""
    with contextlib.suppress(OSError, ForeignFile, StartupError, ValueError):
        place = user_folders.cache(environment) / _FOLDER
        own_files.make_folder(place)
        own_files.write(place / _name(folder), f"{folder}\n")


def leave(folder: Path, environment: Mapping[str, str]) -> None:
    with contextlib.suppress(OSError, ForeignFile, StartupError):
        (user_folders.cache(environment) / _FOLDER / _name(folder)).unlink(missing_ok=True)


def folders(environment: Mapping[str, str]) -> list[Path]:
    """The folders that were entered and are still there."""
    found: list[Path] = []
    with contextlib.suppress(OSError, ForeignFile, StartupError):
        place = user_folders.cache(environment) / _FOLDER
        if not place.is_dir() or not own_files.is_trusted(place):
            return []
        for entry in sorted(place.glob("[!.]*")):
            with contextlib.suppress(OSError, ForeignFile):
                folder = Path(own_files.read(entry).rstrip("\n"))
                if folder.is_absolute() and folder.is_dir():
                    found.append(folder)
                else:  # it was removed without its server, such as a passing one of tests
                    entry.unlink()
    return found


def _name(folder: Path) -> str:
    return hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
