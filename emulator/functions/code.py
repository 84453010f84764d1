"""Function code: takes a zip, has it unpacked once, and knows the folder of each digest.

A folder holds one unpacked zip and never changes after it has appeared under its name. A digest
leads to a folder of ours and nowhere else: neither by what the database says, nor by a link.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import stat
from pathlib import Path

from emulator import ids, own_files
from emulator.errors import BadFunctionCode, ForeignFile
from emulator.functions import tree
from emulator.functions.unzip import unpack

MAX_ZIPPED = 10 * 1024 * 1024  # bytes, the Task Service's limit
MAX_ZIPPED_BY_AWS = 50 * 1024 * 1024  # bytes, for a zip that comes in the request itself
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FEW = 1000  # files and folders
_LINGER = 3600.0  # seconds; nothing runs for longer


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
        self._root = root.parent.resolve() / root.name
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
        own_files.make_folder(self._root)
        half_done = self._root / f".unpacking-{ids.word()}"
        try:
            unpack(zipped, half_done)
            own_files.write(self._size_file(digest), str(len(zipped)))
            os.rename(half_done, self.folder(digest))
        except OSError:
            if not self.folder(digest).is_dir():  # else another thread was faster
                raise
        finally:
            tree.remove(half_done)
        return digest

    def folder(self, digest: str) -> Path:
        """Where it is, or would be. Raises `ForeignFile` where something else is in its place."""
        if not _DIGEST.fullmatch(digest):
            raise ForeignFile(f"the database names code by what is no digest: {digest[:100]!r}")
        folder = self._root / digest
        for each in (self._root, folder):
            own_files.check(each, stat.S_IFDIR)
        return folder

    def is_light(self, digest: str) -> bool:
        """Whether `fill` can be used, and takes no time to speak of: it has few files, and each can
        be read by its owner. False, for now, where that cannot be looked at."""
        if digest not in self._light:
            try:
                self._light[digest] = tree.is_light(self.folder(digest), _FEW)
            except (OSError, ForeignFile):  # it was removed by others, or no descriptor is left
                return False
        return self._light[digest]

    def stage(self, id: str) -> Path:
        """An empty folder, which gets its code by `fill` and is removed by `unstage`."""
        folder = self._staged(id)
        own_files.make_folder(self._root)
        folder.mkdir()
        folder.chmod(0o755)  # whatever the umask is: the function runs as another user
        return folder

    def fill(self, id: str, digest: str) -> None:
        """Puts code into a staged folder: the same files, under a second name."""
        tree.fill(self._staged(id), self.folder(digest))

    def unstage(self, id: str) -> None:
        tree.remove(self._staged(id))

    def _staged(self, id: str) -> Path:
        return self._root / f".staged-{id}"

    def size(self, digest: str) -> int:
        """Bytes of the zip; 0 for one that was unpacked before sizes were noted."""
        try:
            return int(own_files.read(self._size_file(digest)))
        except (FileNotFoundError, ForeignFile, ValueError):
            return 0

    def keep_only(self, digests: set[str]) -> None:
        """Removes every other folder, half-done and staged ones of a crash among them.

        Raises `ForeignFile`."""
        own_files.check(self._root, stat.S_IFDIR)  # a link's folder would be emptied
        for path in self._root.glob("*"):
            if path.name.partition(".")[0] in digests:
                continue
            tree.remove(path)

    def sweep(self, digests: set[str], moment: float) -> None:
        """Removes folders that no function has had for an hour.

        `digests`: those that functions have; `moment`: seconds, by a clock that never goes back.
        What ran when that changed has ended by then, and what waited has been refused.
        """
        found = {path.name for path in self._root.glob("*") if _DIGEST.fullmatch(path.name)}
        unused = found - digests
        since = self._unused_since
        self._unused_since = {name: since.get(name, moment) for name in unused}
        for name in [n for n, first in self._unused_since.items() if moment - first >= _LINGER]:
            going = self._root / f".removing-{ids.word()}"  # what is left of it is no code
            os.rename(self._root / name, going)
            tree.remove(going)
            (self._root / f"{name}.size").unlink(missing_ok=True)
            self._light.pop(name, None)

    def _size_file(self, digest: str) -> Path:
        """Raises `ForeignFile`."""
        self.folder(digest)
        return self._root / f"{digest}.size"
