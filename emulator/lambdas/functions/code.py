"""Function code: takes a zip, has it unpacked once, and knows the folder of each digest.

A folder holds one unpacked zip and never changes after it has appeared under its name. A folder
that is of no more use is renamed, which takes no time, and removed later (`sweeper.py`). A digest
leads to a folder of ours and nowhere else, whatever the database or a link says.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import re
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from taskdock.base import ids
from taskdock.base.errors import BadFunctionCode, ForeignFile, Unavailable
from taskdock.base.files import own_files
from taskdock.base.timing.limits import Limits
from taskdock.lambdas.functions import tree
from taskdock.lambdas.functions.zips.code_patch import CodePatch, apply, changes_beside
from taskdock.lambdas.functions.zips.unpacking import unpack
from taskdock.lambdas.functions.zips.zip_limits import ZipLimits

MAX_ZIPPED = 10 * 1024 * 1024  # bytes, the Task Service's limit
MAX_ZIPPED_BY_AWS = 50 * 1024 * 1024  # bytes, for a zip that comes in the request itself
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LINGER = 3600.0  # seconds; nothing runs for longer
_REMOVING = ".removing-"  # what is left of such a folder is no code
_OURS = re.compile(rf"(?P<digest>{_DIGEST.pattern})(\.size)?|\.(unpacking|staged|removing)-.*")


def decode(text: str, limit: int = MAX_ZIPPED) -> bytes:
    """The bytes of a base64 text, `limit` of them at most; raises `BadFunctionCode`."""
    if len(text) > limit * 4 // 3 + 1024:
        raise BadFunctionCode(f"the zip is over {limit // 1024 // 1024} MB")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise BadFunctionCode("code is not base64, which a zip is sent as") from None


@dataclass
class _Adding:
    """The callers that add the same digest at the moment."""

    users: int = 0
    turn: threading.Lock = field(default_factory=threading.Lock)


class CodeStore:
    """The unpacked code of all functions: one folder per digest."""

    def __init__(
        self,
        root: Path,
        *,
        light: int = Limits.light_code,
        zip_limits: ZipLimits = ZipLimits(),  # noqa: B008 - frozen
    ) -> None:
        """`light`: files and folders that `fill` may put into place."""
        self._zip_limits = zip_limits
        self._root = root.parent.resolve() / root.name
        self._light_code = light
        self._light: dict[str, bool] = {}
        self._lock = threading.Lock()  # for moments: of what is in `_adding` and `_unused_since`
        self._adding: dict[str, _Adding] = {}
        self._unused_since: dict[str, float] = {}
        self._closed = threading.Event()

    def add(self, zipped: bytes, limit: int = MAX_ZIPPED) -> str:
        """As `added`, for callers that need no protection from `sweep`."""
        with self.added(zipped, limit) as digest:
            return digest

    @contextmanager
    def added(self, zipped: bytes | CodePatch, limit: int = MAX_ZIPPED) -> Iterator[str]:
        """Unpacks the zip of `limit` bytes at most, unless that was done before; its digest. A
        patch is unpacked onto its base, and keeps `sweep` away from neither.

        Within the context, `sweep` leaves the folder alone. Callers that add the same zip meanwhile
        wait, others do not. Raises `BadFunctionCode`, `StorageError` or `OSError`, after `close`
        `Unavailable`, and then leaves nothing behind.
        """
        if len(zipped) > limit:
            raise BadFunctionCode(f"the zip is over {limit // 1024 // 1024} MB")
        if isinstance(zipped, CodePatch):
            digest = zipped.digest
        else:
            digest = hashlib.sha256(zipped).hexdigest()
        with self._lock:
            adding = self._adding.setdefault(digest, _Adding())
            adding.users += 1
            self._unused_since.pop(digest, None)
        try:
            with adding.turn:
                if not self._is_there(digest):
                    self._unpack(zipped, digest)
            yield digest
        finally:
            with self._lock:
                adding.users -= 1
                if not adding.users:
                    del self._adding[digest]

    def close(self) -> None:
        """Ends what is being unpacked, which lies there until the next start."""
        self._closed.set()

    def _unpack(self, zipped: bytes | CodePatch, digest: str) -> None:
        own_files.make_folder(self._root)
        half_done = self._root / f".unpacking-{ids.word()}"
        try:
            size = len(zipped)
            if isinstance(zipped, CodePatch):
                base = self.folder(zipped.base)
                apply(zipped, base, half_done, self._go_on, self._zip_limits)
                size += self.size(zipped.base)
            else:
                unpack(zipped, half_done, self._go_on, self._zip_limits)
            own_files.write(self._size_file(digest), str(size))
            os.rename(half_done, self.folder(digest))
        except OSError:
            if not self._is_there(digest):  # else another process was faster
                self._size_file(digest).unlink(missing_ok=True)
                raise
        finally:
            if not self._closed.is_set():
                tree.remove(half_done)
                tree.remove(changes_beside(half_done))

    def _go_on(self) -> None:
        if self._closed.is_set():
            raise Unavailable("the server is being stopped: deploy the function again later")

    def _is_there(self, digest: str) -> bool:
        try:
            return stat.S_ISDIR(self.folder(digest).lstat().st_mode)
        except FileNotFoundError:
            return False

    def folder(self, digest: str) -> Path:
        """The folder of this code, whether it is there or not. Raises `ForeignFile` where something
        else is in its place."""
        if not _DIGEST.fullmatch(digest):
            raise ForeignFile(f"the database names code by what is no digest: {digest[:100]!r}")
        folder = self._root / digest
        for path in (self._root, folder):
            own_files.check(path, stat.S_IFDIR)
        return folder

    def is_light(self, digest: str) -> bool:
        """Whether `fill` can be used for this code and takes no time to speak of: the code has few
        files, and each can be read by its owner. False, for now, where the files cannot be looked
        at."""
        if digest not in self._light:
            try:
                self._light[digest] = tree.is_light(self.folder(digest), self._light_code)
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
        """Sets aside every other folder of code, half-done and staged ones of a crash among them.
        Entries that are not named like code are not ours, and stay. Raises `ForeignFile`."""
        own_files.check(self._root, stat.S_IFDIR)  # a link's folder would be emptied
        for path in self._entries():
            name = _OURS.fullmatch(path.name)
            if name is None or path.name.startswith(_REMOVING):
                continue
            if name["digest"] not in digests:
                self._set_aside(path)

    def sweep(self, digests: set[str], moment: float) -> None:
        """Sets aside folders that no function has had for an hour.

        `digests`: those that functions have; `moment`: seconds, by a clock that never goes back.
        Invocations that ran when their function changed have ended by then, and waiting ones have
        been refused.
        """
        found = {path.name for path in self._entries() if _DIGEST.fullmatch(path.name)}
        with self._lock:
            since = self._unused_since
            unused = found - digests - self._adding.keys()
            self._unused_since = {name: since.get(name, moment) for name in unused}
            for name in [n for n, first in self._unused_since.items() if moment - first >= _LINGER]:
                self._set_aside(self._root / name)
                (self._root / f"{name}.size").unlink(missing_ok=True)
                self._light.pop(name, None)
                del self._unused_since[name]

    def set_aside(self) -> list[Path]:
        """The folders of no more use, which are to be removed."""
        return [path for path in self._entries() if path.name.startswith(_REMOVING)]

    def _entries(self) -> list[Path]:
        try:
            return list(self._root.iterdir())
        except FileNotFoundError:
            return []

    def _set_aside(self, path: Path) -> None:
        with suppress(FileNotFoundError):
            os.rename(path, self._root / f"{_REMOVING}{ids.word()}")

    def _size_file(self, digest: str) -> Path:
        """Raises `ForeignFile`."""
        self.folder(digest)
        return self._root / f"{digest}.size"
