"""The contents of a function's package, file by file, and what has changed since they were sent.

Files whose stamps are the same are not read again. So a save of one file in a folder of many costs
a look at each of them, and the reading of one.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from taskdock.client.deployment.package import PackageLimits, entry_of
from taskdock.client.deployment.packing import archive
from taskdock.client.deployment.packing.selection import PackedFile, Selection
from taskdock.client.development.watching.stamps import Stamp, stamp
from taskdock.client.errors import BadPackage

_LIMITS = PackageLimits()


@dataclass(frozen=True)
class PackedEntry:
    """A file or a link as it is packed."""

    mode: int
    digest: str
    """Of its content, or of the link's target."""


Entries = Mapping[str, PackedEntry]
"""By the paths in the package."""


@dataclass(frozen=True)
class _KnownEntry:
    file: PackedFile
    stamp: Stamp
    entry: PackedEntry


@dataclass(frozen=True)
class ContentChanges:
    """The way from one package to the next."""

    zipped: bytes
    """The new and the changed files."""
    removed: list[str]
    """Paths in the package: files, links, and folders of which nothing is left."""
    count: int
    """Files that are new, changed or removed."""


@dataclass
class PackedContents:
    """Of one function's folder."""

    _folder: Path = Path()
    _known: dict[str, _KnownEntry] = field(default_factory=dict)
    """By the paths in the package."""

    def look(
        self, folder: Path, select: Callable[[], Selection], saved: Collection[str] = ()
    ) -> dict[str, PackedEntry]:
        """The entries as they are now. `select` finds all files of the package, where that is
        needed. `saved`: the paths that have changed; empty: any may have. Those are read whatever
        their stamps are, as a file can be saved twice within one tick of the file system's clock.

        Raises `BadPackage`.
        """
        try:
            known = self._same_files(folder, saved) or self._all_files(folder, select(), saved)
        except OSError as error:
            raise BadPackage(f"{error.filename} cannot be read: {error.strerror}") from None
        self._folder, self._known = folder, known
        return {path: one.entry for path, one in known.items()}

    def zipped(self, before: Entries) -> ContentChanges:
        """Reads what has changed since `before`. Raises `BadPackage`."""
        after = {path: one.entry for path, one in self._known.items()}
        new = [path for path, entry in after.items() if before.get(path) != entry]
        gone = [path for path in before if path not in after]
        try:
            found = [entry_of(self._known[path].file, self._folder) for path in new]
        except OSError as error:
            raise BadPackage(f"{error.filename} cannot be read: {error.strerror}") from None
        zipped = archive.zip_of(found, archive.QUICK, _LIMITS.unpacked) if found else b""
        if zipped is None:
            raise BadPackage(f"the changes in {self._folder} are too large")
        return ContentChanges(zipped, _removals(gone, after), len(new) + len(gone))

    def _same_files(self, folder: Path, saved: Collection[str]) -> dict[str, _KnownEntry] | None:
        """None where files may have come or gone: then all of them are looked at."""
        if not saved or folder != self._folder:
            return None
        found = {}
        for path in (os.path.relpath(path, folder) for path in saved):
            before = self._known.get(path)
            if before is None or not os.path.lexists(folder / path):
                return None
            if stat.S_IFMT(os.lstat(folder / path).st_mode) != stat.S_IFMT(before.file.mode):
                return None
            found[path] = _read(before.file, folder)
        return {**self._known, **found}

    def _all_files(
        self, folder: Path, selection: Selection, saved: Collection[str]
    ) -> dict[str, _KnownEntry]:
        found = {}
        for file in selection.files:
            before = self._known.get(file.path)
            path = os.path.join(folder, file.path)
            is_same = before is not None and before.stamp == stamp(os.lstat(path))
            if before is None or not is_same or path in saved:
                before = _read(file, folder)
            found[file.path] = before
        return found


def _read(file: PackedFile, folder: Path) -> _KnownEntry:
    now = stamp(os.lstat(folder / file.path))
    entry = entry_of(file, folder)
    digest = hashlib.sha256(entry.content).hexdigest()
    return _KnownEntry(file, now, PackedEntry(entry.mode, digest))


def _removals(gone: Collection[str], after: Entries) -> list[str]:
    """The paths to remove: the highest folder that has nothing left, for all that was in it."""
    kept = {folder for path in after for folder in _folders(path)}
    found = set()
    for path in gone:
        empty = [folder for folder in _folders(path) if folder not in kept]
        found.add(empty[-1] if empty else path)  # the highest comes last
    return sorted(found)


def _folders(path: str) -> list[str]:
    """The folders that a path is in, the lowest first."""
    found = []
    while path := os.path.dirname(path):
        found.append(path)
    return found
