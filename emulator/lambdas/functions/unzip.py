"""Unpacking: what a zip would make is decided whole, and only then is the first byte written.

Nothing of a zip is trusted. What it makes is bounded in bytes, in files and folders, and in depth,
whether it names a folder or only something in it. Links come last, when all files and
folders are there under names of their own, so no link is ever on the way to something that is
written.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from emulator.base.errors import BadFunctionCode, EmptyFunctionCode
from emulator.lambdas.functions import zip_index
from emulator.lambdas.functions.zip_index import MAX_ENTRIES

MAX_UNZIPPED = 250 * 1024 * 1024  # bytes, AWS Lambda's limit
MAX_FOLDERS = 25_000
"""Each takes a block of the disk, and a name of few bytes can be in a hundred of them. The largest
trees that were seen have 6,000."""
MAX_DEPTH = 300  # names in a path; 15 were seen, and tests of AWS's limits go to 200
MAX_PATH = 1024  # bytes; with the data folder's own, the kernel takes 4,095
MAX_PATHS = 16 * 1024 * 1024  # bytes of all paths; 4 MB were seen
MAX_NAME = 255  # bytes, of each file system in use
MAX_TARGET = 4095  # bytes of a link's target, Linux's limit
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""`zipfile` unpacks these piece by piece; a kilobyte of another can take gigabytes of memory."""
_CHUNK = 1024 * 1024
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # what zipfile does not know, such as patched data
    ValueError,  # a name that cannot be a path
)

_ENCRYPTED = 0x01  # of the flags: APPNOTE.TXT 4.4.4

# "Version made by" and "external file attributes": APPNOTE.TXT 4.4.2 and 4.4.15
_UNIX = (3, 19)  # Unix, macOS: the upper half is a Unix mode
_DOS_READ_ONLY = 0x01
_DOS_FOLDER = 0x10
_UTF_8 = 0x800  # of the flags: the name is in UTF-8

_FOLDER = 0o755
_KEPT = 0o755
"""What is kept of a mode. These are files of this machine, too: nobody else on it may write to
them, nor become their owner by a set-user-ID bit."""
_CLOSED = 0o700  # of a folder while it is filled, whatever its own mode is


class Kind(Enum):
    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


@dataclass
class Layout:
    """What a zip makes: paths without a slash at either end, of names other than "." and ".."."""

    folders: dict[str, int] = field(default_factory=dict)
    """Path → mode; those that only a longer path names are among them."""
    files: dict[str, zipfile.ZipInfo] = field(default_factory=dict)
    links: dict[str, zipfile.ZipInfo] = field(default_factory=dict)
    path_bytes: int = 0

    def __len__(self) -> int:
        return len(self.folders) + len(self.files) + len(self.links)


def unpack(zipped: bytes, folder: Path, go_on: Callable[[], object] = lambda: None) -> None:
    """Makes `folder` of what is in the zip. Raises `BadFunctionCode`, and may leave half of it.

    `go_on` is called before each file and folder; what it raises ends the work.
    """
    try:
        with zip_index.opened(zipped, MAX_ENTRIES, MAX_PATHS) as archive:
            _write(archive, lay_out(archive.infolist()), folder, go_on)
    except _DAMAGED as error:
        raise BadFunctionCode(f"there was an error while unzipping the code: {error}") from None


def lay_out(entries: Iterable[zipfile.ZipInfo]) -> Layout:
    """Of two entries with one path the later one counts. Raises `BadFunctionCode`."""
    layout, size = Layout(), 0
    for entry in entries:
        size += entry.file_size
        if size > MAX_UNZIPPED:
            raise BadFunctionCode(f"the code is over {MAX_UNZIPPED // 1024 // 1024} MB unzipped")
        _add(layout, entry)
        _check_counts(layout)
    if not layout.files and not layout.links:
        raise EmptyFunctionCode
    for path in layout.folders:
        if path in layout.files or path in layout.links:
            what = Kind.FILE if path in layout.files else Kind.LINK
            raise BadFunctionCode(f"the zip has {path!r} both as a {what.value} and as a folder")
    return layout


def _check_counts(layout: Layout) -> None:
    if len(layout) > MAX_ENTRIES:
        raise BadFunctionCode(f"the zip has more than {MAX_ENTRIES} files and folders")
    if len(layout.folders) > MAX_FOLDERS:
        raise BadFunctionCode(
            f"the zip has more than {MAX_FOLDERS} folders, with those that only longer paths name"
        )
    if layout.path_bytes > MAX_PATHS:
        raise BadFunctionCode(
            f"the paths of the zip's files and folders have more than {MAX_PATHS} bytes together"
        )


def kind_of(entry: zipfile.ZipInfo) -> Kind:
    """Raises `BadFunctionCode` for a device, a pipe or a socket."""
    if _name(entry).endswith("/"):
        return Kind.FOLDER
    if entry.create_system not in _UNIX:
        empty_folder = entry.external_attr & _DOS_FOLDER and not entry.file_size
        return Kind.FOLDER if empty_folder else Kind.FILE
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if kind == stat.S_IFLNK:
        return Kind.LINK
    if kind == stat.S_IFDIR:
        return Kind.FOLDER
    if kind not in (0, stat.S_IFREG):
        raise BadFunctionCode(
            f"the zip has an entry that is no file, folder or link: {entry.filename!r};"
            " put the file itself in its place"
        )
    return Kind.FILE


def mode_of(entry: zipfile.ZipInfo, kind: Kind) -> int:
    """The permissions of a zip that was made on Unix, and what a zip of Windows stands for.

    The latter has no permissions, and whatever else its attributes hold means nothing: AWS's own
    build-lambda-zip says "Unix" in each entry to have a program executable.
    """
    if entry.create_system in _UNIX:
        return (entry.external_attr >> 16) & _KEPT
    mode = 0o755 if kind is Kind.FOLDER else 0o644
    return mode & ~0o222 if entry.external_attr & _DOS_READ_ONLY else mode


def _add(layout: Layout, entry: zipfile.ZipInfo) -> None:
    if entry.compress_type not in _PACKINGS:
        raise BadFunctionCode(
            f"the zip has an entry that is not packed by deflate: {entry.filename!r}"
        )
    if entry.flag_bits & _ENCRYPTED:
        raise BadFunctionCode(f"the zip has an entry that is encrypted: {entry.filename!r}")
    path, kind = _path(entry), kind_of(entry)
    if not path:  # "./", which some tools write for the folder that was packed
        return
    for parent in _parents(path):
        if parent in layout.folders:
            break
        layout.folders[parent] = _FOLDER
        layout.path_bytes += len(parent.encode())
    layout.path_bytes += len(path.encode())
    if kind is Kind.FOLDER:
        layout.folders[path] = mode_of(entry, kind)
        return
    layout.files.pop(path, None)
    layout.links.pop(path, None)
    (layout.links if kind is Kind.LINK else layout.files)[path] = entry


def _path(entry: zipfile.ZipInfo) -> str:
    """Raises `BadFunctionCode` for one that leads out, or that no file system takes."""
    name = _name(entry)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    what = _fault(name, parts)
    if what is not None:
        raise BadFunctionCode(f"the zip has an entry with a bad path, {what}: {name[:200]!r}")
    return "/".join(parts)


def _fault(name: str, parts: list[str]) -> str | None:
    if not parts and not name.endswith("/"):
        return "which names nothing"
    if name.startswith("/") or ".." in parts:
        return "which leads out of the code's folder"
    if len(name.encode()) > MAX_PATH:
        return f"of more than {MAX_PATH} bytes"
    if any(len(part.encode()) > MAX_NAME for part in parts):
        return f"with a name of more than {MAX_NAME} bytes"
    if len(parts) > MAX_DEPTH:
        return f"of more than {MAX_DEPTH} folders in each other"
    return None


def _name(entry: zipfile.ZipInfo) -> str:
    """As it is in the zip, backslashes too. Info-ZIP writes UTF-8 without saying so."""
    name = entry.orig_filename.partition("\0")[0]
    if entry.flag_bits & _UTF_8:
        return name
    try:
        return name.encode("cp437").decode()
    except UnicodeError:
        return name


def _parents(path: str) -> Iterator[str]:
    """From the folder that it is in upwards."""
    while "/" in path:
        path = path.rpartition("/")[0]
        yield path


def _write(
    archive: zipfile.ZipFile, layout: Layout, folder: Path, go_on: Callable[[], object]
) -> None:
    """The modes of folders come last, the deepest first: they may close one to the server."""
    folders = sorted(layout.folders)  # each behind those that it is in
    root = os.fsencode(folder)
    path = ""
    try:
        os.mkdir(root, _CLOSED)
        for path in folders:
            go_on()
            os.mkdir(_join(root, path), _CLOSED)
        for path, entry in layout.files.items():
            go_on()
            _write_file(archive, entry, _join(root, path))
        for path, entry in layout.links.items():
            go_on()
            _write_link(archive, entry, _join(root, path))
    except OSError as error:
        complaint = _COMPLAINTS.get(error.errno or 0)
        if complaint is None:
            raise
        raise BadFunctionCode(complaint.format(path[:200])) from None
    for path in reversed(folders):
        os.chmod(_join(root, path), layout.folders[path])
    os.chmod(root, _FOLDER)  # whatever the umask is: the function runs as another user


def _join(root: bytes, path: str) -> bytes:
    """Names are UTF-8 in a container, whatever the locale of this process has them be."""
    return root + b"/" + path.encode()


_COMPLAINTS = {
    errno.EEXIST: "the zip has {0!r}, and something else whose name is the same to the file system"
    " of the data folder, perhaps in other letters; rename one of them",
    **dict.fromkeys(
        (errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG),
        "the file system of the data folder cannot have a file of the name {0!r}; rename it",
    ),
}


def _write_file(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: bytes) -> None:
    """It needs no counting: where a header lies, `zipfile` gives no more than that says, and then
    finds the checksum wrong."""
    with archive.open(entry) as source, open(target, "xb") as sink:
        shutil.copyfileobj(source, sink, _CHUNK)
        os.fchmod(sink.fileno(), mode_of(entry, Kind.FILE))


def _write_link(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, link: bytes) -> None:
    """Wherever it leads: that is for the function's container, and nothing here goes there."""
    target = archive.read(entry) if entry.file_size <= MAX_TARGET else b""
    if not target or b"\0" in target:
        raise BadFunctionCode(
            f"the zip has a link whose target cannot be one: {entry.filename!r};"
            f" it must be 1 to {MAX_TARGET} bytes without a zero"
        )
    try:
        os.symlink(target, link)
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.ENOTSUP, errno.ENOSYS):
            raise
        raise BadFunctionCode(
            f"the zip has a link, {entry.filename!r}, and the file system of the data folder"
            f" cannot hold links ({error.strerror}); choose another --data-dir"
        ) from None
