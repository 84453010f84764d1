"""This user's own files: opened without following links, and trusted only when they are theirs.

A folder of a checkout or an archive may hold anything under the names that taskdock uses: links and
second names of other files, pipes that nobody answers, devices. So a file is checked before it is
opened, opened without following a link, and checked again.

Anybody who may write to the file's folder could swap the file between the two checks:
`emulator/base/files/own_folder.py` makes sure that only the user may.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shlex
import stat
from pathlib import Path

from taskdock.base.errors import ForeignFile

_REMEDY = "nothing was changed: move it away, or choose another --data-dir"
_MAX_READ = 65_536  # bytes; the files that are read here have a few lines
_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
_KINDS = {
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFDIR: "a folder",
    stat.S_IFREG: "a file",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}


def owners() -> frozenset[int]:
    """The numbers of the users whose files are this user's own. For root, those of the user who has
    called sudo are, too."""
    us = os.geteuid()
    caller = os.environ.get("SUDO_UID", "")
    return frozenset({us, int(caller)} if us == 0 and caller.isdecimal() else {us})


def name_of(user: int) -> str:
    """The name of the user with this number, or `user 1000` where there is none."""
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def is_trusted(path: Path) -> bool:
    """Whether nobody else can have put `path` there: it is this user's or root's, no link, and
    others may not write it. For root, the files of the user who has called sudo count as well.
    Raises `OSError`."""
    seen = path.lstat()
    others = stat.S_IWOTH if seen.st_gid == os.getegid() else stat.S_IWOTH | stat.S_IWGRP
    return (
        seen.st_uid in owners() | {0}
        and not stat.S_ISLNK(seen.st_mode)
        and not stat.S_IMODE(seen.st_mode) & others
    )


def check(path: Path, kind: int = stat.S_IFREG) -> bool:
    """Whether `path` exists.

    Raises `ForeignFile` where it exists and is not the user's own, not of this `kind` (as in
    `stat.S_IFMT`), or a file with several names. Raises `OSError`.
    """
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return False
    _check(path, seen, kind)
    _check_owner(path, seen)
    return True


def check_is_folder(path: Path) -> bool:
    """Whether there is a folder, whoever owns it. Raises `ForeignFile` where `path` is something
    else, and `OSError`."""
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return False
    _check(path, seen, stat.S_IFDIR)
    return True


def open_file(path: Path, flags: int = os.O_RDONLY) -> int:
    """Opens a file of the user's own and returns its descriptor. A new file has mode 0600.

    Raises `ForeignFile`, and `OSError` as `os.open` does.
    """
    check(path)
    descriptor = os.open(path, flags | _SAFELY, 0o600)
    try:
        seen = os.fstat(descriptor)
        _check(path, seen, stat.S_IFREG)
        _check_owner(path, seen)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read(path: Path) -> str:
    """The first 64 KB of a text. Raises `ForeignFile` or `OSError`."""
    with open(open_file(path), "rb") as file:
        return file.read(_MAX_READ).decode("utf-8", "replace")


def write(path: Path, text: str) -> None:
    """Writes the file as a whole or not at all, with mode 0600. A file of this name is replaced and
    not changed: under another name of its own it stays as it is. Raises `OSError`."""
    half_done = path.with_name(f".{path.name}-{secrets.token_hex(8)}")
    descriptor = os.open(half_done, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFELY, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        half_done.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            half_done.unlink()
        raise


def make_folder(path: Path) -> None:
    """Makes a folder with mode 0700; one that exists has to be the user's own. Raises `ForeignFile`
    or `OSError`."""
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700, parents=True)
    check(path, stat.S_IFDIR)
    path.chmod(0o700)


def _check(path: Path, seen: os.stat_result, kind: int) -> None:
    found = stat.S_IFMT(seen.st_mode)
    if found != kind:
        what = _KINDS.get(found, "something else")
        raise ForeignFile(
            f"{path} is {what} where taskdock has {_KINDS[kind]} of its own; {_REMEDY}"
        )
    if kind == stat.S_IFREG and seen.st_nlink > 1:
        raise ForeignFile(f"{path} is a file that has another name, too (a hard link); {_REMEDY}")


def _check_owner(path: Path, seen: os.stat_result) -> None:
    """The owner of the folder may own its files. Raises `ForeignFile`."""
    if seen.st_uid not in owners() and seen.st_uid != path.parent.stat().st_uid:
        raise ForeignFile(
            f"{path} belongs to {name_of(seen.st_uid)}, and not to {name_of(os.geteuid())}: give it"
            f" to yourself (sudo chown {os.geteuid()} {shlex.quote(str(path))}), or choose another"
            " --data-dir"
        )
