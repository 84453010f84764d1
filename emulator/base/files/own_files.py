"""This user's own files: opened without following links, and trusted only when they are theirs.

A folder that came with a checkout or an archive may hold anything under the names that taskdock
uses: links and second names of other files, pipes that are never answered, devices. So a file is
looked at before it is opened, opened without following a link, and looked at again.

That is for the files. Whoever may change the folder they are in could swap one between two looks:
`emulator/base/files/own_folder.py` sees to it that this is nobody but the user.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shlex
import stat
from pathlib import Path

from emulator.base.errors import ForeignFile

_REMEDY = "nothing was changed: move it away, or choose another --data-dir"
_MOST = 65_536  # bytes; what is read by these functions is a few lines
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
    """Whose files are this user's own: their numbers. Those of who has called sudo are root's."""
    us = os.geteuid()
    caller = os.environ.get("SUDO_UID", "")
    return frozenset({us, int(caller)} if us == 0 and caller.isdecimal() else {us})


def name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"


def is_trusted(path: Path) -> bool:
    """Whether nobody else can have put it there: it is this user's or root's, no link, and not for
    others to write. Who became root by sudo is trusted as before."""
    seen = path.lstat()
    others = stat.S_IWOTH if seen.st_gid == os.getegid() else stat.S_IWOTH | stat.S_IWGRP
    return (
        seen.st_uid in owners() | {0}
        and not stat.S_ISLNK(seen.st_mode)
        and not stat.S_IMODE(seen.st_mode) & others
    )


def check(path: Path, kind: int = stat.S_IFREG) -> bool:
    """Whether there is something.

    Raises `ForeignFile` where that is not the user's own, not of this kind, or a file that has
    several names; and `OSError`.
    """
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return False
    _check(path, seen, kind)
    _check_owner(path, seen)
    return True


def check_is_folder(path: Path) -> bool:
    """Whether there is one, whoever has it. Raises `ForeignFile` and `OSError`."""
    try:
        seen = path.lstat()
    except FileNotFoundError:
        return False
    _check(path, seen, stat.S_IFDIR)
    return True


def open_file(path: Path, flags: int = os.O_RDONLY) -> int:
    """The descriptor of a file of the user's own; what is made has mode 0600.

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
        return file.read(_MOST).decode("utf-8", "replace")


def write(path: Path, text: str) -> None:
    """Whole or not at all, for the user alone, in place of what has this name: that stays as it is
    where it has another. Raises `OSError`."""
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
    """For the user alone; one that is there has to be theirs. Raises `ForeignFile` or `OSError`."""
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
    """Who has the folder may have what is in it."""
    if seen.st_uid not in owners() and seen.st_uid != path.parent.stat().st_uid:
        raise ForeignFile(
            f"{path} belongs to {name_of(seen.st_uid)}, and not to {name_of(os.geteuid())}: give it"
            f" to yourself (sudo chown {os.geteuid()} {shlex.quote(str(path))}), or choose another"
            " --data-dir"
        )
