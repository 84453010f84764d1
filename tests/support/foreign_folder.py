"""Folders that came from others: traps in them, and checks of what was left untouched."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

from taskdock.base.errors import ForeignFile
from taskdock.base.files.own_folder import check
from taskdock.base.settings import Settings
from taskdock.server.app import Emulator
from taskdock.testing.fakes.engine import FakeEngine, fake_image_of

PRECIOUS = "the developer's own\n"
DIGEST = "a" * 64

Trap = Callable[[Path, Path], object]
"""Makes something at a place, which leads to a folder outside."""


def start(data: Path) -> None:
    """A server that has to be refused; one that is not is stopped again."""
    emulator(data).stop(0)


def emulator(data: Path) -> Emulator:
    """One that has the folder, and does not serve yet."""
    return Emulator(Settings(port=0, data_dir=data), engine=FakeEngine(), image_of=fake_image_of)


def refusal(data: Path) -> str:
    """The reason why the folder is not taken for the user's own; "": it is."""
    try:
        check(data)
        return ""
    except ForeignFile as error:
        return error.message


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def tree(folder: Path) -> dict[str, tuple[str, bytes]]:
    """The content of a folder: the mode and the bytes of each entry, by relative path."""
    return {
        str(path.relative_to(folder)): (
            stat.filemode(path.lstat().st_mode),
            path.read_bytes() if path.is_file() and not path.is_symlink() else b"",
        )
        for path in folder.rglob("*")
    }


def link(place: Path, outside: Path) -> None:
    place.symlink_to(outside / "precious")


def dangling_link(place: Path, outside: Path) -> None:
    place.symlink_to(outside / "made-by-the-server")


def hard_link(place: Path, outside: Path) -> None:
    os.link(outside / "precious", place)


def pipe(place: Path, outside: Path) -> None:
    os.mkfifo(place)


def bound_socket(place: Path, outside: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        base = os.open(place.parent, os.O_RDONLY)
        listening.bind(f"/proc/self/fd/{base}/{place.name}")
        os.close(base)


def folder(place: Path, outside: Path) -> None:
    place.mkdir()


TRAPS = {
    link: "is a symbolic link",
    dangling_link: "is a symbolic link",
    hard_link: "is a file that has another name",
    pipe: "is a pipe",
    bound_socket: "is a socket",
    folder: "is a folder",
}
