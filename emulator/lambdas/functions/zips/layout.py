"""The layout of a zip: all that it would make is decided before the first byte is written. Pure.

Nothing of a zip is trusted. Its content is bounded in bytes, in files and folders, and in depth,
whether the zip names a folder or only something in the folder.
"""

from __future__ import annotations

import stat
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum

from taskdock.base.errors import BadFunctionCode, EmptyFunctionCode
from taskdock.base.files.own_folder import DATABASE, LOCK
from taskdock.lambdas.functions.zips.zip_limits import ZipLimits

_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""`zipfile` unpacks these piece by piece; a kilobyte of another can take gigabytes of memory."""
_ENCRYPTED = 0x01  # of the flags: APPNOTE.TXT 4.4.4

# "Version made by" and "external file attributes": APPNOTE.TXT 4.4.2 and 4.4.15
_UNIX = (3, 19)  # Unix, macOS: the upper half is a Unix mode
_DOS_READ_ONLY = 0x01
_DOS_FOLDER = 0x10
_UTF_8 = 0x800  # of the flags: the name is in UTF-8

FOLDER = 0o755
"""The mode of a folder that only a longer path names."""
_KEPT = 0o755
"""The bits of a mode that are kept. The files are this machine's, too: no other user of the machine
may write to them, nor become their owner by a set-user-ID bit."""


class EntryKind(Enum):
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


@dataclass
class Layout:
    """A zip's content: paths without a slash at either end, of names other than "." and ".."."""

    folders: dict[str, int] = field(default_factory=dict)
    """Path → mode; those that only a longer path names are among them."""
    files: dict[str, zipfile.ZipInfo] = field(default_factory=dict)
    links: dict[str, zipfile.ZipInfo] = field(default_factory=dict)
    path_bytes: int = 0

    def __len__(self) -> int:
        return len(self.folders) + len(self.files) + len(self.links)


def lay_out(entries: Iterable[zipfile.ZipInfo], limits: ZipLimits) -> Layout:
    """Of two entries with one path the later one counts. A data folder of taskdock is left out.
    Raises `BadFunctionCode`."""
    layout, size = Layout(), 0
    for entry in entries:
        size += entry.file_size
        if size > limits.unzipped:
            raise BadFunctionCode(f"the code is over {limits.unzipped // 1024 // 1024} MB unzipped")
        _add(layout, entry, limits)
        _check_counts(layout, limits)
    _leave_out_data(layout)
    if not layout.files and not layout.links:
        raise EmptyFunctionCode
    for path in layout.folders:
        if path in layout.files or path in layout.links:
            what = EntryKind.FILE if path in layout.files else EntryKind.LINK
            raise BadFunctionCode(f"the zip has {path!r} both as a {what.value} and as a folder")
    return layout


def _check_counts(layout: Layout, limits: ZipLimits) -> None:
    if len(layout) > limits.entries:
        raise BadFunctionCode(f"the zip has more than {limits.entries} files and folders")
    if len(layout.folders) > limits.folders:
        raise BadFunctionCode(
            f"the zip has more than {limits.folders} folders,"
            " with those that only longer paths name"
        )
    if layout.path_bytes > limits.paths:
        raise BadFunctionCode(
            f"the paths of the zip's files and folders have more than {limits.paths} bytes together"
        )


def _leave_out_data(layout: Layout) -> None:
    """Tools that pack a folder whole take along the data of a server that was started in there:
    the function could read the administrator's credentials, and each deployment would hold all
    earlier ones."""
    data = {
        above
        for above, _, name in (path.rpartition("/") for path in layout.files)
        if name == DATABASE and above and f"{above}/{LOCK}" in layout.files
    }
    if not data:
        return
    left_out: set[str] = set()
    for path in sorted(layout.folders):  # each behind those that it is in
        if path in data or path.rpartition("/")[0] in left_out:
            left_out.add(path)
            del layout.folders[path]
    for entries in (layout.files, layout.links):
        for path in [path for path in entries if path.rpartition("/")[0] in left_out]:
            del entries[path]


def kind_of(entry: zipfile.ZipInfo) -> EntryKind:
    """Raises `BadFunctionCode` for a device, a pipe or a socket."""
    if _name(entry).endswith("/"):
        return EntryKind.FOLDER
    if entry.create_system not in _UNIX:
        empty_folder = entry.external_attr & _DOS_FOLDER and not entry.file_size
        return EntryKind.FOLDER if empty_folder else EntryKind.FILE
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return EntryKind.LINK
    if kind == stat.S_IFDIR:
        return EntryKind.FOLDER
    if kind not in (0, stat.S_IFREG):
        raise BadFunctionCode(
            f"the zip has an entry that is no file, folder or link: {entry.filename!r};"
            " put the file itself in its place"
        )
    return EntryKind.FILE


def mode_of(entry: zipfile.ZipInfo, kind: EntryKind) -> int:
    """The permissions of a zip that was made on Unix, and what a zip of Windows stands for.

    The latter has no permissions, and whatever else its attributes hold means nothing: AWS's own
    build-lambda-zip says "Unix" in each entry to have a program executable.
    """
    if entry.create_system in _UNIX:
        return (entry.external_attr >> 16) & _KEPT
    mode = 0o755 if kind is EntryKind.FOLDER else 0o644
    return mode & ~0o222 if entry.external_attr & _DOS_READ_ONLY else mode


def _add(layout: Layout, entry: zipfile.ZipInfo, limits: ZipLimits) -> None:
    if entry.compress_type not in _PACKINGS:
        raise BadFunctionCode(
            f"the zip has an entry that is not packed by deflate: {entry.filename!r}"
        )
    if entry.flag_bits & _ENCRYPTED:
        raise BadFunctionCode(f"the zip has an entry that is encrypted: {entry.filename!r}")
    path, kind = _path(entry, limits), kind_of(entry)
    if not path:  # "./", which some tools write for the folder that was packed
        return
    for parent in _parents(path):
        if parent in layout.folders:
            break
        layout.folders[parent] = FOLDER
        layout.path_bytes += len(parent.encode())
    layout.path_bytes += len(path.encode())
    if kind is EntryKind.FOLDER:
        layout.folders[path] = mode_of(entry, kind)
        return
    layout.files.pop(path, None)
    layout.links.pop(path, None)
    (layout.links if kind is EntryKind.LINK else layout.files)[path] = entry


def _path(entry: zipfile.ZipInfo, limits: ZipLimits) -> str:
    """Raises `BadFunctionCode` for one that leads out, or that no file system takes."""
    name = _name(entry)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    what = _fault(name, parts, limits)
    if what is not None:
        raise BadFunctionCode(f"the zip has an entry with a bad path, {what}: {name[:200]!r}")
    return "/".join(parts)


def _fault(name: str, parts: list[str], limits: ZipLimits) -> str | None:
    if not parts and not name.endswith("/"):
        return "which names nothing"
    if name.startswith("/") or ".." in parts:
        return "which leads out of the code's folder"
    if len(name.encode()) > limits.path:
        return f"of more than {limits.path} bytes"
    if any(len(part.encode()) > limits.name for part in parts):
        return f"with a name of more than {limits.name} bytes"
    if len(parts) > limits.depth:
        return f"of more than {limits.depth} folders in each other"
    return None


def _name(entry: zipfile.ZipInfo) -> str:
    """The name as it is in the zip, backslashes too. Info-ZIP writes UTF-8 without saying so."""
    name = entry.orig_filename.partition("\0")[0]
    if entry.flag_bits & _UTF_8:
        return name
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        return name


def _parents(path: str) -> Iterator[str]:
    """The folders above a path, from the nearest upwards."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path
