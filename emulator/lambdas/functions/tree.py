"""Folders of code as they lie on the disk: to look at, to give second names to, and to remove.

A link in such a folder leads wherever its zip says, and a mode may close a folder to the server
itself, which need not be root. So no link is followed here, and nothing is expected to be readable.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

from taskdock.base import ids

_OPEN = 0o700  # what it takes to do anything with a folder
_MOST_OPEN = 16  # folders at a time


def is_light(folder: Path, max_entries: int) -> bool:
    """Whether the folder has `max_entries` files and folders at most, each readable by its owner.

    No more than that many are looked at.
    """
    count, folders = 0, [str(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                count += 1
                if count > max_entries:
                    return False
                mode = entry.stat(follow_symlinks=False).st_mode
                needed = 0o500 if stat.S_ISDIR(mode) else 0o400
                if mode & needed != needed:
                    return False
                if stat.S_ISDIR(mode):
                    folders.append(entry.path)
    return True


def paths(folder: Path) -> Iterator[Path]:
    """All paths in a folder, each folder before its contents. `Path.rglob` follows links to look at
    them, and can fail at that; `os.walk` calls itself for each folder, before Python 3.12."""
    waiting = [str(folder)]
    while waiting:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                yield Path(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)


def fill(target: Path, source: Path) -> None:
    """Puts the contents of one folder into another, empty one: the same files, by second names."""
    merge(target, [(source, frozenset())])


def merge(
    target: Path,
    layers: Sequence[tuple[Path, Collection[bytes]]],
    go_on: Callable[[], object] = lambda: None,
) -> tuple[int, int]:
    """Puts the contents of folders into an empty one: the same files, by second names.

    Each layer is a folder, and the paths in it that are left out. `go_on` is called before each
    folder. Returns the number of files and folders, and their bytes. Raises `FileExistsError` where
    two layers have the same path, unless both have a folder there.
    """
    modes: dict[str, int] = {}  # of folders made here, each behind the one that it is in
    count = size = 0
    for layer, left_out in layers:
        waiting = [(str(layer), str(target), b"")]
        while waiting:  # and no recursion: half a thousand folders can be in each other
            origin, copy, above = waiting.pop()
            go_on()
            with os.scandir(origin) as entries:
                for entry in entries:
                    path = above + os.fsencode(entry.name)
                    if path in left_out:
                        continue
                    count += 1
                    name = os.path.join(copy, entry.name)
                    if entry.is_symlink():
                        os.symlink(os.readlink(entry.path), name)
                    elif entry.is_dir(follow_symlinks=False):
                        if name not in modes:
                            os.mkdir(name, _OPEN)
                        modes[name] = stat.S_IMODE(entry.stat(follow_symlinks=False).st_mode)
                        waiting.append((entry.path, name, path + b"/"))
                    else:
                        size += entry.stat(follow_symlinks=False).st_size
                        _link(entry.path, name)
    for name in reversed(modes):
        os.chmod(name, modes[name])
    return count, size


def remove(path: Path) -> None:
    """Removes a file, a link or a folder with all that is in it, as far as that can be done."""
    for _ in removing(path):
        pass


def removing(path: Path) -> Iterator[None]:
    """Does what `remove` does, a step each time that it is asked for the next.

    A folder that is deep in others is moved up, and waits for its turn. So whatever the size of a
    tree is, little of it is kept in memory, few folders are open, and no path gets too long.
    """
    if path.is_symlink() or not path.is_dir():
        with suppress(OSError):
            path.unlink()
        return
    higher = (path / f".{ids.word()}-{number}" for number in count())
    progress = True
    while progress:  # what was moved up is met in the same round or in the next
        progress = False
        for done in _empty(str(path), higher, _MOST_OPEN):
            progress = progress or done
            yield
    with suppress(OSError):
        os.rmdir(path)


def _empty(folder: str, higher: Iterator[Path], depth: int) -> Iterator[bool]:
    """Removes what is in a folder; whether each step has done something.

    Folders that are `depth` deep in it are renamed to the next of `higher`.
    """
    with suppress(OSError):
        os.chmod(folder, _OPEN)
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    yield _done(os.unlink, entry.path)
                elif depth > 1:
                    yield from _empty(entry.path, higher, depth - 1)
                    yield _done(os.rmdir, entry.path)
                else:
                    with suppress(OSError):
                        os.chmod(entry.path, _OPEN)  # else only root could move it
                    yield _done(os.rename, entry.path, next(higher))


def _done(act: Callable[..., None], *paths: str | Path) -> bool:
    try:
        act(*paths)
    except OSError:
        return False
    return True


def _link(source: str, target: str) -> None:
    """There are file systems without second names, or with few of them. Raises `FileExistsError`:
    a copy would be written into the file that is there, which may have other names, too."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        shutil.copy2(source, target)
