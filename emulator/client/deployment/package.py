"""Packaging: zips a folder of code into the file that a function is made from."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from taskdock.client.deployment.packing import archive
from taskdock.client.deployment.packing.archive import ZipEntry
from taskdock.client.deployment.packing.limits import MEGABYTE, PackageLimits, in_megabytes
from taskdock.client.deployment.packing.selection import PackedFile, Selection
from taskdock.client.deployment.packing.walk import select
from taskdock.client.errors import BadPackage

__all__ = [
    "MEGABYTE",
    "Package",
    "PackageLimits",
    "entry_of",
    "pack",
    "selected",
    "zip_folder",
    "zipped_size",
]

# Folders that only a function's container has, and that a link may lead to: layers, the writable
# folder, the code.
_OF_CONTAINERS = ("/opt", "/tmp", "/var/task")  # noqa: S108 - a name, nothing is written there
_LIMITS = PackageLimits()
_NEARLY = 1.05  # the most that the best compression saves, as a factor


@dataclass(frozen=True)
class Package:
    zipped: bytes
    selection: Selection


def zip_folder(folder: Path, limits: PackageLimits = _LIMITS) -> bytes:
    """The zip file of a folder, as `pack` makes it."""
    return pack(folder, limits=limits).zipped


def pack(
    folder: Path,
    *,
    within: Path | None = None,
    entry_point: str | None = None,
    limits: PackageLimits = _LIMITS,
) -> Package:
    """The zip file of a folder; the same code always gives the same bytes.

    Every user may read each file, whatever its mode is in the folder, because a function does not
    own its code. Links are packed as links. `within` and `entry_point` as for `select`. Raises
    `BadPackage`.
    """
    selection = selected(folder, within=within, entry_point=entry_point, limits=limits)
    if not selection.files:
        left_out = f" but what is left out: {_named(selection)}" if selection.left_out else ""
        raise BadPackage(f"{folder} holds no files{left_out}")
    try:
        entries = _entries(selection, limits)
    except OSError as error:
        raise _unreadable(error) from None
    zipped = _zip(entries, limits.zipped)
    if zipped is None:
        raise selection.too_big(f"{in_megabytes(limits.zipped)} when zipped")
    return Package(zipped, selection)


def selected(
    folder: Path,
    *,
    within: Path | None = None,
    entry_point: str | None = None,
    limits: PackageLimits = _LIMITS,
) -> Selection:
    """The files that `pack` packs. Raises `BadPackage`."""
    try:
        if not folder.is_dir():
            raise BadPackage(f"{folder} is not a folder")
        return select(folder, limits, within=within, entry_point=entry_point)
    except OSError as error:
        raise _unreadable(error) from None


def zipped_size(selection: Selection, limits: PackageLimits = _LIMITS) -> int | None:
    """Bytes of the zip that `pack` would make, were there no limit for it. None: the files are over
    their limit. Raises `BadPackage`."""
    if selection.size > limits.unpacked:
        return None
    try:
        entries = _entries(selection, limits)
    except OSError as error:
        raise _unreadable(error) from None
    zipped = _zip(entries, limits.zipped)
    if zipped is None:
        zipped = archive.zip_of(entries, archive.USUAL, limits.unpacked * 2)
    return None if zipped is None else len(zipped)


def entry_of(file: PackedFile, folder: Path, limit: int = _LIMITS.unpacked) -> ZipEntry:
    """A packed file or link as it is now, its content up to one byte beyond `limit`. Raises
    `BadPackage` or `OSError`."""
    return (_link if file.is_link else _file)(file, folder, limit)


def _zip(entries: list[ZipEntry], most_bytes: int) -> bytes | None:
    """The zip, packed as quickly as it fits into `most_bytes`. None: it does not."""
    zipped = archive.zip_of(entries, archive.QUICK, most_bytes)
    if zipped is None:
        zipped = archive.zip_of(entries, archive.USUAL, round(most_bytes * _NEARLY))
        if zipped is not None and len(zipped) > most_bytes:
            zipped = archive.zip_of(entries, archive.SMALLEST, most_bytes)
    return zipped


def _unreadable(error: OSError) -> BadPackage:
    return BadPackage(f"{error.filename} cannot be read: {error.strerror}")


def _named(selection: Selection) -> str:
    return ", ".join(f"{one.path} ({one.rule})" for one in selection.left_out[:3])


def _entries(selection: Selection, limits: PackageLimits) -> list[ZipEntry]:
    entries, left = [], limits.unpacked
    for file in selection.files:
        entry = entry_of(file, selection.folder, left)
        left -= len(entry.content)
        if left < 0:  # the folder has grown since it was looked through
            raise selection.too_big(in_megabytes(limits.unpacked))
        entries.append(entry)
    return entries


def _file(file: PackedFile, folder: Path, limit: int) -> ZipEntry:
    """The file with its content up to one byte beyond `limit`."""
    # No link is followed, nor is anything waited for that has taken the file's place meanwhile.
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    with open(os.open(os.path.join(folder, file.path), flags), "rb") as opened:
        executable = os.fstat(opened.fileno()).st_mode & stat.S_IXUSR
        mode = stat.S_IFREG | (0o755 if executable else 0o644)
        return ZipEntry(file.path, mode, opened.read(limit + 1))


def _link(file: PackedFile, folder: Path, limit: int) -> ZipEntry:
    del limit
    link = folder / file.path
    return ZipEntry(file.path, stat.S_IFLNK | 0o777, os.fsencode(_target(link, folder)))


def _target(link: Path, folder: Path) -> str:
    """The target to pack for a link: inside the package, or in a folder of the container.

    A link to a file that does not exist is allowed: some packages have such links for their tests.
    Raises `BadPackage` if the link leads out of the folder.
    """
    target, here = os.readlink(link), link.parent.relative_to(folder)
    if not os.path.isabs(target) and _stays_inside(target, depth=len(here.parts)):
        return target
    there, root = os.path.realpath(link), os.path.realpath(folder)
    if _is_in(there, root):
        return os.path.relpath(there, os.path.join(root, here))
    if _is_in(target, *_OF_CONTAINERS):
        return target
    raise BadPackage(
        f"{link} links out of the folder, to {there}; put a copy in its place, or leave it"
        " out by a .taskdockignore"
    )


def _stays_inside(target: str, depth: int) -> bool:
    """Whether no step of a relative path leaves the package. `depth`: the folders that the path
    starts below the package's root."""
    for step in target.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(step, 1)
        if depth < 0:
            return False
    return True


def _is_in(path: str, *folders: str) -> bool:
    return any(path == folder or path.startswith(folder + os.sep) for folder in folders)
