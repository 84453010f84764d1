"""Folders of code as they lie on the disk: looked at, given second names, and removed.

Their links lead wherever a zip says, and their modes may close them to the server itself, which
need not be root. So no link is followed here, and nothing is expected to be readable.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_OPEN = 0o700  # what it takes to do anything with a folder


def is_light(folder: Path, most: int) -> bool:
    """Whether it has `most` files and folders at most, and each could be copied by its owner.

    It looks at no more than that many.
    """
    count, folders = 0, [str(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                count += 1
                if count > most:
                    return False
                mode = entry.stat(follow_symlinks=False).st_mode
                needed = 0o500 if stat.S_ISDIR(mode) else 0o400
                if mode & needed != needed:
                    return False
                if stat.S_ISDIR(mode):
                    folders.append(entry.path)
    return True


def paths(folder: Path) -> Iterator[Path]:
    """Of all that is in it. `Path.rglob` follows links to look at them, and can fail at that."""
    for parent, folders, files in os.walk(folder):
        yield from (Path(parent, name) for name in (*folders, *files))


def fill(target: Path, source: Path) -> None:
    """Puts what is in one folder into another, an empty one: the same files, under second names."""
    made: list[tuple[str, int]] = []
    waiting = [(str(source), str(target))]
    while waiting:  # and no recursion: half a thousand folders can be in each other
        origin, copy = waiting.pop()
        with os.scandir(origin) as entries:
            for entry in entries:
                name = os.path.join(copy, entry.name)
                if entry.is_symlink():
                    os.symlink(os.readlink(entry.path), name)
                elif entry.is_dir(follow_symlinks=False):
                    os.mkdir(name, _OPEN)
                    made.append((name, stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)))
                    waiting.append((entry.path, name))
                else:
                    _link(entry.path, name)
    for name, mode in reversed(made):  # each before the one that it is in
        os.chmod(name, mode)


def remove(path: Path) -> None:
    """Removes a file, a link or a folder with all that is in it, as far as that can be done."""
    if path.is_symlink() or not path.is_dir():
        with suppress(OSError):
            path.unlink()
        return
    folders = [str(path)]
    for folder in folders:  # which grows meanwhile
        with suppress(OSError):
            os.chmod(folder, _OPEN)
            folders += _clear(folder)
    for folder in reversed(folders):
        with suppress(OSError):
            os.rmdir(folder)


def _clear(folder: str) -> list[str]:
    """Removes the files of a folder; the folders in it."""
    folders = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                folders.append(entry.path)
            else:
                with suppress(OSError):
                    os.unlink(entry.path)
    return folders


def _link(source: str, target: str) -> None:
    """There are file systems without second names, or with few of them."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
