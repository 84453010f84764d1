"""Scratch disks: file systems of a fixed size, each for one container's /tmp.

A disk is an ext4 in a sparse file without a name, behind a loop device that clears itself. The
kernel keeps both as long as someone uses them: this process while it starts a container, then the
engine's mount while the container is there. So nothing has to be cleaned up, whoever is killed.

That takes Linux, root, loop devices and mkfs.ext4; `open_scratch` says what is missing.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from emulator.base.errors import StartFailed
from emulator.base.health import Health

FILE_SYSTEM = "ext4"
MOUNT_OPTIONS = "noatime,nosuid,nodev"
NO_DISK = "there is no disk for /tmp"

_MB = 1024 * 1024
_BLOCK = 4096
_INODE = 256
_BYTES_PER_FILE = 16 * 1024  # as mkfs.ext4 has it for a disk of this size
_WITHHELD = 48  # ext4 keeps 2 % of its blocks for itself, but not more than 16 MB
_MOST_WITHHELD = 16  # MB
_TIDY = "rmdir lost+found\nset_inode_field <2> mode 041777\n"  # for debugfs; 2 is the top folder
_TOOL_LIMIT = 30  # seconds
DISKS = "disks for /tmp"
"""The trouble's name in `Health`."""
UNLIMITED = "the size of /tmp is not limited: "
"""What is said where there are none, with the reason behind it."""
_REST = 60.0  # seconds until disks that have failed are tried again
_TRIES = 20  # for a free loop device, which others want, too

# From linux/loop.h
_GET_FREE = 0x4C82
_CONFIGURE = 0x4C0A  # since Linux 5.8
_AUTOCLEAR, _DIRECT_IO = 4, 16
_CONFIG = struct.Struct("=2I 5Q4I 64s64s32s2Q 64x")
_MAJOR = 7
_CONTROL = Path("/dev/loop-control")


class Piece(NamedTuple):
    offset: int
    data: bytes


class Scratch(Protocol):
    @contextmanager
    def disk(self, size: int) -> Iterator[str]:
        """The device of a new, empty disk with room for `size` MB.

        It stays until this context is left and nobody has it mounted. Raises `StartFailed`.
        """


class LoopScratch:
    """Disks in the folder `folder`, which has to have room for what is written to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._templates: dict[int, list[Piece]] = {}
        self._making = threading.Lock()

    @contextmanager
    def disk(self, size: int) -> Iterator[str]:
        try:
            with tempfile.TemporaryFile(dir=self.folder, buffering=0) as file:
                os.truncate(file.fileno(), _bytes(size))
                for offset, data in self._template(size):
                    os.pwrite(file.fileno(), data, offset)
                device, loop = _attach(file.fileno())
        except (OSError, subprocess.SubprocessError) as error:
            raise StartFailed(f"{NO_DISK}: {error}") from None
        try:
            yield device
        finally:
            os.close(loop)

    def _template(self, size: int) -> list[Piece]:
        """What mkfs writes: some sixty KB in a file that is holes otherwise."""
        with self._making:
            if size not in self._templates:
                with tempfile.NamedTemporaryFile(dir=self.folder) as file:
                    os.truncate(file.fileno(), _bytes(size))
                    _format(file.name, size)
                    self._templates[size] = list(_pieces(file.fileno()))
            return self._templates[size]


class Disks:
    """Scratch disks as long as they can be had: where one fails, there are none for a while.

    For any thread.
    """

    def __init__(
        self,
        scratch: Scratch | None,
        *,
        reopen: Callable[[], Scratch | str] | None = None,
        health: Health | None = None,
        warn: Callable[[str], object] = lambda _: None,
    ) -> None:
        """`reopen`: gives disks, or says why there are none; it is asked again now and then."""
        self._scratch = scratch
        self._reopen = reopen
        self._health = health or Health()
        self._warn = warn
        self._lock = threading.Lock()
        self._again = 0.0  # when they are tried again, by the monotonic clock

    @property
    def there(self) -> bool:
        return self._scratch is not None

    def now(self) -> Scratch | None:
        with self._lock:
            due = self._scratch is None and time.monotonic() >= self._again
            if due and self._reopen is not None:
                found = self._reopen()
                if isinstance(found, str):
                    self._forgo(found)
                else:
                    self._scratch = found
                    self._health.clear(DISKS)
            return self._scratch

    def forgo(self, reason: str, *, for_good: bool = False) -> None:
        """There are none for now."""
        with self._lock:
            if for_good:
                self._reopen = None
            self._forgo(reason)

    def _forgo(self, reason: str) -> None:
        """Under the lock. Told once, be it tried in vain however often."""
        self._again = time.monotonic() + _REST
        told = f"{UNLIMITED}{reason}"
        if self._scratch is not None:
            self._warn(told)
        self._scratch = None
        self._health.report(DISKS, told, degraded=True)


def open_scratch(folder: Path) -> LoopScratch | str:
    """Scratch disks in `folder`, or why there are none here."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "limiting /tmp takes root on Linux"
    missing = [tool for tool in ("mkfs.ext4", "debugfs") if _tool(tool) is None]
    if missing:
        return f"{' and '.join(missing)} is not installed"
    scratch = LoopScratch(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with scratch.disk(1):
            return scratch
    except (OSError, StartFailed) as error:
        return str(error)


def _bytes(size: int) -> int:
    """What a disk takes that has room for `size` MB."""
    files = size * _MB // _BYTES_PER_FILE
    withheld = min(size // _WITHHELD, _MOST_WITHHELD)
    return (size + withheld + 1) * _MB + files * _INODE


def _format(path: str, size: int) -> None:
    """An empty ext4, without a journal: what is on it never has to survive anything."""
    _run(
        *("mkfs.ext4", "-q", "-F", "-b", str(_BLOCK), "-I", str(_INODE), "-m", "0"),
        *("-i", str(_BYTES_PER_FILE), "-O", "^has_journal,^resize_inode"),
        *("-E", "lazy_itable_init=1", path),
    )
    _run("debugfs", "-w", "-f", "-", path, text=_TIDY)


def _run(tool: str, *arguments: str, text: str = "") -> None:
    command = (_tool(tool) or tool, *arguments)
    subprocess.run(
        command, input=text, text=True, capture_output=True, check=True, timeout=_TOOL_LIMIT
    )


def _tool(name: str) -> str | None:
    """Also where PATH leaves out what is for the administrator."""
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin:/sbin"]))


def _pieces(file: int) -> Iterator[Piece]:
    """Every block of the file that has something other than zeros."""
    begin = 0
    while (begin := _seek(file, begin, os.SEEK_DATA)) >= 0:
        end = _seek(file, begin, os.SEEK_HOLE)
        for offset in range(begin, end, _BLOCK):
            data = os.pread(file, min(_BLOCK, end - offset), offset)
            if data.strip(b"\0"):
                yield Piece(offset, data)
        begin = end


def _seek(file: int, offset: int, whence: int) -> int:
    """-1: there is no data from `offset` on."""
    try:
        return os.lseek(file, offset, whence)
    except OSError:
        return -1


def _attach(file: int) -> tuple[str, int]:
    """A loop device for the file, and the descriptor that keeps it until it is mounted."""
    config = _CONFIG.pack(
        *(file, _BLOCK, 0, 0, 0, 0, 0, 0, 0, 0, _AUTOCLEAR | _DIRECT_IO),
        *(b"taskdock", b"", b"", 0, 0),
    )
    control = os.open(_CONTROL, os.O_RDWR | os.O_CLOEXEC)
    try:
        for attempt in range(_TRIES):
            number = fcntl.ioctl(control, _GET_FREE)
            device = f"/dev/loop{number}"
            loop = _open(device, number)
            try:
                fcntl.ioctl(loop, _CONFIGURE, config)
                return device, loop
            except OSError:  # another was faster
                os.close(loop)
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError("the last try returns or raises")
    finally:
        os.close(control)


def _open(device: str, number: int) -> int:
    """In a container, /dev may not show what the kernel has made since."""
    if not os.path.exists(device):
        os.mknod(device, stat.S_IFBLK | 0o660, os.makedev(_MAJOR, number))
    return os.open(device, os.O_RDWR | os.O_CLOEXEC)
