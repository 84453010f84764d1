"""The files of a package as an inspection sees them: their names, and their content on demand."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path

_MOST_READ = 8 * 1024 * 1024
"""Bytes of the largest file that is read as source: parsers need many times the size."""


def _opened(path: str, flags: int) -> int:
    """A link may lead to a pipe, which would wait for a writer."""
    return os.open(path, flags | os.O_NONBLOCK)


class Contents:
    """The files of one package. Names are relative to the package's root, with slashes.

    A file that vanishes or cannot be read counts as unknown: packing it is what fails.
    """

    def __init__(self, root: Path, names: Iterable[str], *, has_links: bool = False) -> None:
        """`names`: every file and link that is packed. `has_links`: one of them is a link, so that
        a file may be reached by a name that is not among them."""
        self._root = root
        self.names = frozenset(names)
        self.has_links = has_links

    @cached_property
    def folders(self) -> frozenset[str]:
        """Every folder that has a file in it, the root as ""."""
        found = {""}
        for name in self.names:
            folder = posixpath.dirname(name)
            while folder not in found:
                found.add(folder)
                folder = posixpath.dirname(folder)
        return frozenset(found)

    def has(self, name: str) -> bool:
        """Whether a container finds a file of this name. Links are followed, as there."""
        name = posixpath.normpath(name)
        return name in self.names or (self.has_links and (self._root / name).is_file())

    def has_folder(self, name: str) -> bool:
        name = posixpath.normpath(name) if name else ""
        return name in self.folders or (self.has_links and (self._root / name).is_dir())

    def near(self, name: str) -> str | None:
        """A file whose name differs in upper and lower case alone: Linux tells them apart."""
        wanted = name.casefold()
        return next((one for one in sorted(self.names) if one.casefold() == wanted), None)

    def text(self, name: str) -> bytes | None:
        """The content of a source file. None: it cannot be read, or is too large to be source."""
        return self.beginning(name, _MOST_READ + 1, whole=True)

    def beginning(self, name: str, size: int, *, whole: bool = False) -> bytes | None:
        """At most `size` bytes of the file. `whole`: None for a file of that size or more."""
        try:
            with open(self._root / name, "rb", opener=_opened) as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    return None
                read = file.read(size)
        except (OSError, ValueError):
            return None
        return None if whole and len(read) >= size else read

    def is_executable(self, name: str) -> bool:
        try:
            return bool(os.stat(self._root / name).st_mode & stat.S_IXUSR)
        except OSError:
            return True  # unknown
