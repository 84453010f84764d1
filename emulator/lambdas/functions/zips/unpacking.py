"""Unpacking: makes a folder of a zip's layout.

Links come last, when all files and folders are there under names of their own, so no link is ever
on the way to something that is written.
"""

from __future__ import annotations

import errno
import os
import shutil
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

from taskdock.base.errors import BadFunctionCode
from taskdock.lambdas.functions.zips import zip_index
from taskdock.lambdas.functions.zips.layout import FOLDER, EntryKind, Layout, lay_out, mode_of
from taskdock.lambdas.functions.zips.zip_limits import ZipLimits

_CHUNK = 1024 * 1024
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # what zipfile does not know, such as patched data
    ValueError,  # a name that cannot be a path
)

_CLOSED = 0o700  # of a folder while it is filled, whatever its own mode is


def unpack(
    zipped: bytes,
    folder: Path,
    go_on: Callable[[], object] = lambda: None,
    limits: ZipLimits = ZipLimits(),  # noqa: B008 - frozen
) -> None:
    """Makes `folder` of the files in the zip. Raises `BadFunctionCode`, and may leave half of it.

    `go_on` is called before each file and folder; what it raises ends the work.
    """
    try:
        with zip_index.opened(zipped, limits) as archive:
            _write(archive, lay_out(archive.infolist(), limits), folder, go_on, limits)
    except _DAMAGED as error:
        why = _why(error)
        raise BadFunctionCode(f"there was an error while unzipping the code: {why}") from None


def _why(error: Exception) -> str:
    text = str(error)
    if "not a zip file" in text:
        return "it is no zip file, or an incomplete one"
    damaged = text.removeprefix("Bad CRC-32 for file ")
    return "the zip is damaged" if damaged == text else f"{damaged} is damaged"


def _write(
    archive: zipfile.ZipFile,
    layout: Layout,
    folder: Path,
    go_on: Callable[[], object],
    limits: ZipLimits,
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
            _write_link(archive, entry, _join(root, path), limits.target)
    except OSError as error:
        complaint = _COMPLAINTS.get(error.errno or 0)
        if complaint is None:
            raise
        raise BadFunctionCode(complaint.format(path[:200])) from None
    for path in reversed(folders):
        os.chmod(_join(root, path), layout.folders[path])
    os.chmod(root, FOLDER)  # whatever the umask is: the function runs as another user


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
    """Writes a file without counting its bytes: where a header lies, `zipfile` gives no more bytes
    than the header says, and then finds the checksum wrong."""
    with archive.open(entry) as source, open(target, "xb") as sink:
        shutil.copyfileobj(source, sink, _CHUNK)
        os.fchmod(sink.fileno(), mode_of(entry, EntryKind.FILE))


def _write_link(
    archive: zipfile.ZipFile, entry: zipfile.ZipInfo, link: bytes, longest: int
) -> None:
    """Writes a link with any target: only the function's container follows the link, and nothing
    here does."""
    target = archive.read(entry) if entry.file_size <= longest else b""
    if not target or b"\0" in target:
        raise BadFunctionCode(
            f"the zip has a link whose target cannot be one: {entry.filename!r};"
            f" it must be 1 to {longest} bytes without a zero"
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
