"""Function code: checks a zip, unpacks it once, and knows the folder of each digest.

A folder holds one unpacked zip and never changes after it has appeared under its name. Nothing of
a zip is trusted: every entry is looked at before the first byte is written.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import os
import shutil
import stat
import zipfile
import zlib
from itertools import islice
from pathlib import Path, PurePosixPath

from emulator import ids
from emulator.errors import BadFunctionCode

MAX_ZIPPED = 10 * 1024 * 1024  # bytes, the Task Service's limit
MAX_ZIPPED_BY_AWS = 50 * 1024 * 1024  # bytes, for a zip that comes in the request itself
MAX_UNZIPPED = 250 * 1024 * 1024  # bytes, AWS Lambda's limit
MAX_ENTRIES = 100_000  # AWS has no limit; this one keeps a made-up zip from using up inodes
MAX_PATH = 1024  # characters
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""`zipfile` unpacks these piece by piece; a kilobyte of another can take gigabytes of memory."""
_FEW = 1000  # files and folders
_CHUNK = 1024 * 1024
_LINGER = 3600.0  # seconds; nothing runs for longer
_DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,  # a kind of encryption that zipfile does not know
    RuntimeError,  # an encrypted entry
    ValueError,  # a name that cannot be a path
)


def decode(text: str, limit: int = MAX_ZIPPED) -> bytes:
    """The bytes of a base64 text, `limit` of them at most; raises `BadFunctionCode`."""
    if len(text) > limit * 4 // 3 + 1024:
        raise BadFunctionCode(f"the zip is over {limit // 1024 // 1024} MB")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadFunctionCode(f"code is not base64: {error}") from None


class CodeStore:
    """The unpacked code of all functions: one folder per digest."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._light: dict[str, bool] = {}
        self._unused_since: dict[str, float] = {}

    def add(self, zipped: bytes, limit: int = MAX_ZIPPED) -> str:
        """Unpacks the zip of `limit` bytes at most, unless that was done before; its digest.

        Raises `BadFunctionCode` and then leaves nothing behind.
        """
        if len(zipped) > limit:
            raise BadFunctionCode(f"the zip is over {limit // 1024 // 1024} MB")
        digest = hashlib.sha256(zipped).hexdigest()
        if self.folder(digest).is_dir():
            return digest
        self._root.mkdir(parents=True, exist_ok=True)
        half_done = self._root / f".unpacking-{ids.word()}"
        try:
            _unpack(zipped, half_done)
            self._size_file(digest).write_text(str(len(zipped)))
            os.rename(half_done, self.folder(digest))
        except OSError:
            if not self.folder(digest).is_dir():  # else another thread was faster
                raise
        finally:
            shutil.rmtree(half_done, ignore_errors=True)
        return digest

    def folder(self, digest: str) -> Path:
        return (self._root / digest).resolve()

    def is_light(self, digest: str) -> bool:
        """Whether it has so few files that `fill` takes no time to speak of."""
        if digest not in self._light:
            self._light[digest] = _entries(self.folder(digest)) <= _FEW
        return self._light[digest]

    def stage(self, id: str) -> Path:
        """An empty folder, which gets its code by `fill` and is removed by `unstage`."""
        folder = self._staged(id)
        folder.mkdir(parents=True)
        folder.chmod(0o755)  # whatever the umask is: the function runs as another user
        return folder.resolve()

    def fill(self, id: str, digest: str) -> None:
        """Puts code into a staged folder: the same files, under a second name."""
        shutil.copytree(
            self.folder(digest), self._staged(id), copy_function=_link, dirs_exist_ok=True
        )

    def unstage(self, id: str) -> None:
        shutil.rmtree(self._staged(id), ignore_errors=True)

    def _staged(self, id: str) -> Path:
        return self._root / f".staged-{id}"

    def size(self, digest: str) -> int:
        """Bytes of the zip; 0 for one that was unpacked before sizes were noted."""
        try:
            return int(self._size_file(digest).read_text())
        except FileNotFoundError:
            return 0

    def keep_only(self, digests: set[str]) -> None:
        """Removes every other folder, half-done and staged ones of a crash among them."""
        for path in self._root.glob("*"):
            if path.name.partition(".")[0] in digests:
                continue
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def sweep(self, digests: set[str], moment: float) -> None:
        """Removes folders that no function has had for an hour.

        `digests`: those that functions have; `moment`: seconds, by a clock that never goes back.
        What ran when that changed has ended by then, and what waited has been refused.
        """
        found = {path.name for path in self._root.glob("*") if path.is_dir()}
        unused = {name for name in found if not name.startswith(".")} - digests
        since = self._unused_since
        self._unused_since = {name: since.get(name, moment) for name in unused}
        for name in [n for n, first in self._unused_since.items() if moment - first >= _LINGER]:
            shutil.rmtree(self.folder(name), ignore_errors=True)
            self._size_file(name).unlink(missing_ok=True)
            self._light.pop(name, None)

    def _size_file(self, digest: str) -> Path:
        return self._root / f"{digest}.size"


def _unpack(zipped: bytes, folder: Path) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
            entries = archive.infolist()
            _check(entries)
            for entry in entries:
                _extract(archive, entry, folder)
    except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
        name = Path(str(error.filename)).name
        raise BadFunctionCode(f"the zip has {name!r} both as a file and as a folder") from None
    except _DAMAGED as error:
        raise BadFunctionCode(f"there was an error while unzipping the code: {error}") from None
    for made, _, _ in os.walk(folder):
        os.chmod(made, 0o755)  # noqa: S103 - whatever the umask is: the function runs as another user


def _entries(folder: Path) -> int:
    """As many as there are, or more than a few: it looks at no more."""
    count, folders = 0, [str(folder)]
    while folders and count <= _FEW:
        with os.scandir(folders.pop()) as entries:
            for entry in islice(entries, _FEW + 1):
                count += 1
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
    return count


def _link(source: str, target: str) -> None:
    """There are file systems without second names, or with few of them."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _check(entries: list[zipfile.ZipInfo]) -> None:
    if not any(not entry.is_dir() for entry in entries):
        raise BadFunctionCode("the zip holds no file")
    if len(entries) > MAX_ENTRIES:
        raise BadFunctionCode(f"the zip has more than {MAX_ENTRIES} entries")
    if sum(entry.file_size for entry in entries) > MAX_UNZIPPED:
        raise BadFunctionCode(f"the code is over {MAX_UNZIPPED // 1024 // 1024} MB unzipped")
    for entry in entries:
        path = PurePosixPath(entry.filename)
        outside = path.is_absolute() or ".." in path.parts or "\\" in entry.filename
        if outside or len(entry.filename) > MAX_PATH or any(len(p) > 255 for p in path.parts):
            raise BadFunctionCode(f"the zip has an entry with a bad path: {entry.filename[:200]!r}")
        if entry.compress_type not in _PACKINGS:
            raise BadFunctionCode(
                f"the zip has an entry that is not packed by deflate: {entry.filename!r}"
            )
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise BadFunctionCode(
                f"the zip has an entry that is neither a file nor a folder: {entry.filename!r};"
                " put the file itself in its place"
            )


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, folder: Path) -> None:
    """Writes one entry. It needs no counting: where a header lies, `zipfile` gives no more than
    that says, and then finds the checksum wrong."""
    target = folder / entry.filename
    if entry.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(entry) as source, open(target, "wb") as sink:
        shutil.copyfileobj(source, sink, _CHUNK)
    os.chmod(target, _mode(entry))


def _mode(entry: zipfile.ZipInfo) -> int:
    """Readable for everyone; executable where the zip says so, or cannot say (made on Windows)."""
    if entry.create_system != 3 or entry.external_attr >> 16 == 0:
        return 0o755
    return 0o755 if (entry.external_attr >> 16) & 0o111 else 0o644
