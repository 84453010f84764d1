"""The folder that a data folder's path means, and whether it is the user's own.

A checkout or an archive may bring a folder of the default name, with files that serve its author.
So the default folder is never a link, no repository tracks a data folder, and each belongs to the
user. A link that the user names by --data-dir is followed.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
import tempfile
from collections.abc import Collection
from pathlib import Path

from taskdock.base.errors import ForeignFile
from taskdock.base.files import own_files
from taskdock.base.files.tracked import tracker

DEFAULT = Path(".taskdock")
LOCK, IDENTITY, CREDENTIALS, ADMINISTRATOR = "lock", "id", "credentials", "administrator"
NONCES = "nonces"
STOP = "stop"  # a request of `taskdock stop`
SERVER_LOG, OLDER_LOG = "server.log", "server.log.1"  # of `taskdock serve --detach`
DATABASE = "taskdock.db"
DATABASE_FILES = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", f"{DATABASE}-journal")
FILES = (
    *(LOCK, IDENTITY, CREDENTIALS, ADMINISTRATOR, NONCES, STOP, SERVER_LOG, OLDER_LOG),
    *DATABASE_FILES,
    ".gitignore",
)
FOLDERS = ("code", "debugger", "doors")


def is_one(names: Collection[str]) -> bool:
    """Whether a folder with these names in it is a server's data folder, whatever its own name."""
    return DATABASE in names or {LOCK, IDENTITY} <= {*names} or {LOCK, CREDENTIALS} <= {*names}


def check(path: Path) -> Path:
    """The folder as an absolute path without links. The folder may be missing; nothing is changed.

    Raises `ForeignFile`, which says what is wrong and what to do, and `OSError`.
    """
    given = path.parent.resolve() / path.name if path.name else path.resolve()
    found = path.resolve()
    if given.is_symlink():
        _check_link(path, given, found)
    for folder in dict.fromkeys((given, found)):
        top = tracker(folder, (*FILES, *FOLDERS))
        if top is not None:
            raise ForeignFile(
                f"the data folder {folder} is tracked by the repository {top}, so what is in it may"
                f" be anybody's: take it out (git rm -r --cached {shlex.quote(str(folder))}), or"
                " choose another --data-dir"
            )
    if own_files.check_is_folder(found):
        _check_is_for_one(found)
        _check_owner(found)
        for name in FILES:
            own_files.check(found / name)
        for name in FOLDERS:
            own_files.check(found / name, stat.S_IFDIR)
    return found


def _check_link(path: Path, given: Path, found: Path) -> None:
    if path == DEFAULT:
        raise ForeignFile(
            f"{given} is a symbolic link, which a checkout may have brought; nothing was changed:"
            f" remove it, or say that you want it: --data-dir {shlex.quote(str(found))}"
        )
    owner = given.lstat().st_uid
    if owner not in own_files.owners() and owner != 0:
        raise ForeignFile(
            f"the data folder {given} is a symbolic link of {own_files.name_of(owner)}'s; nothing"
            f" was changed: name the folder itself: --data-dir {shlex.quote(str(found))}"
        )


def _check_is_for_one(folder: Path) -> None:
    mode = folder.stat().st_mode
    if mode & stat.S_ISVTX and mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ForeignFile(
            f"the data folder {folder} is one that many users share; nothing was changed: name one"
            f" of your own, such as --data-dir {shlex.quote(str(folder / 'taskdock'))}"
        )


def _check_owner(folder: Path) -> None:
    """Raises `ForeignFile` where the folder is another user's, but in three cases. The user who has
    called sudo counts as root. A folder that is mounted in a container was given by whoever started
    the container. A file system that decides by itself who owns everything (FAT, a share, Docker
    Desktop's) says nothing of people."""
    owner = folder.stat().st_uid
    if owner in own_files.owners() or (os.geteuid() == 0 and folder.is_mount()):
        return
    if owner == _owner_of_new(folder):
        return
    named, us = shlex.quote(str(folder)), os.geteuid()
    theirs = own_files.name_of(owner)
    remedy = f"run taskdock as {theirs}, " if us == 0 else ""
    raise ForeignFile(
        f"the data folder {folder} belongs to {theirs}, and not to {own_files.name_of(us)};"
        f" nothing was changed: {remedy}give it to yourself (sudo chown -R {us} {named}), or"
        " choose another --data-dir"
    )


def _owner_of_new(folder: Path) -> int | None:
    """The owner of a file that this process makes in the folder; None where it may not make one."""
    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder) as file:
        return os.fstat(file.fileno()).st_uid
    return None
