"""The contents of a function's package, file by file, and what has changed since they were sent.

Files whose stamps are the same are not read again. So a save of one file in a folder of many costs
a look at each of them, and the reading of one.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from taskdock.client.deployment import package
from taskdock.client.development.watching.stamps import Stamp, stamp
from taskdock.client.errors import BadPackage


@dataclass(frozen=True)
class PackedEntry:
    """A file or a link as it is packed."""

    mode: int
    digest: str
    """Of its content, or of the link's target."""


Entries = Mapping[str, PackedEntry]
"""By the paths in the package."""


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
class FolderContents:
    """Of one function's folder."""

    _folder: Path = Path()
    _known: dict[str, tuple[Stamp, PackedEntry]] = field(default_factory=dict)
    """By the paths in the package."""

    def look(
        self,
        folder: Path,
        saved: Collection[str] = (),
        *,
        within: Path | None = None,
        entry_point: str | None = None,
    ) -> dict[str, PackedEntry]:
        """The entries as they are now. `saved`: the paths that have changed, with symbolic links
        as the folder's has them; empty: any may have. Those are read whatever their stamps are, as
        a file can be saved twice within one tick of the file system's clock. `within` and
        `entry_point`: as for `package.pack`, whose choice of files it is.

        Raises `BadPackage`.
        """
        try:
            known = self._same_files(folder, saved)
            if not known:
                selection = package.selected(folder, within=within, entry_point=entry_point)
                known = self._all_files(folder, [file.path for file in selection.files], saved)
        except OSError as error:
            raise BadPackage(f"{error.filename} cannot be read: {error.strerror}") from None
        self._folder, self._known = folder, known
        return {path: entry for path, (_, entry) in known.items()}

    def _same_files(
        self, folder: Path, saved: Collection[str]
    ) -> dict[str, tuple[Stamp, PackedEntry]] | None:
        """None where files may have come or gone: then all of them are looked at."""
        if not saved or folder != self._folder:
            return None
        paths = [os.path.relpath(path, folder) for path in saved]
        if any(path not in self._known or not os.path.lexists(folder / path) for path in paths):
            return None
        return {**self._known, **{path: _read(path, folder) for path in paths}}

    def _all_files(
        self, folder: Path, paths: Sequence[str], saved: Collection[str]
    ) -> dict[str, tuple[Stamp, PackedEntry]]:
        found = {}
        for path in paths:
            file = folder / path
            before = self._known.get(path)
            is_same = before is not None and before[0] == stamp(file.lstat())
            if before is None or not is_same or str(file) in saved:
                before = _read(path, folder)
            found[path] = before
        return found


def _read(path: str, folder: Path) -> tuple[Stamp, PackedEntry]:
    now = stamp((folder / path).lstat())
    entry = package.entry_of(path, folder)
    return now, PackedEntry(entry.mode, hashlib.sha256(entry.content).hexdigest())


def changes(before: Entries, after: Entries, folder: Path) -> ContentChanges:
    """Reads what has changed in the folder, whose entries are `after`. Raises `BadPackage`."""
    new = [path for path, entry in after.items() if before.get(path) != entry]
    gone = [path for path in before if path not in after]
    try:
        zipped = package.zip_of([package.entry_of(path, folder) for path in new])
    except OSError as error:
        raise BadPackage(f"{error.filename} cannot be read: {error.strerror}") from None
    return ContentChanges(zipped, _removals(gone, after), len(new) + len(gone))


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
