"""Scratch disks: file systems of a fixed size, each for one container's /tmp.

A disk is an ext4 in a sparse file without a name, behind a loop device that clears itself. The
kernel keeps both as long as someone uses them: this process while it starts a container, then the
engine's mount while the container is there. So nothing has to be cleaned up, whoever is killed.

That takes Linux, root, loop devices and mkfs.ext4; `open_scratch` says what is missing.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

from taskdock.base.errors import StartFailed
from taskdock.engines.linux.loop_device import BLOCK, CONTROL, attach

FILE_SYSTEM = "ext4"
MOUNT_OPTIONS = "noatime,nosuid,nodev"
NO_DISK = "there is no disk for /tmp"

_MB = 1024 * 1024
_INODE = 256
_BYTES_PER_FILE = 16 * 1024  # as mkfs.ext4 has it for a disk of this size
_WITHHELD = 48  # ext4 keeps 2 % of its blocks for itself, but not more than 16 MB
_MOST_WITHHELD = 16  # MB
_TIDY = "rmdir lost+found\nset_inode_field <2> mode 041777\n"  # for debugfs; 2 is the top folder
_TOOL_LIMIT = 30  # seconds


class Piece(NamedTuple):
    """A part of a file that is no hole. `offset`: bytes."""

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

    def __init__(self, folder: Path, control: Path = CONTROL) -> None:
        """`control`: the kernel's device that names a free loop device."""
        self.folder = folder
        self._control = control
        self._templates: dict[int, list[Piece]] = {}
        self._making = threading.Lock()

    @contextmanager
    def disk(self, size: int) -> Iterator[str]:
        try:
            with tempfile.TemporaryFile(dir=self.folder, buffering=0) as file:
                os.truncate(file.fileno(), _bytes(size))
                for offset, data in self._template(size):
                    os.pwrite(file.fileno(), data, offset)
                device, loop = attach(file.fileno(), self._control)
        except (OSError, subprocess.SubprocessError) as error:
            raise StartFailed(f"{NO_DISK}: {error}") from None
        try:
            yield device
        finally:
            os.close(loop)

    def _template(self, size: int) -> list[Piece]:
        """The parts that mkfs writes: some sixty KB in a file that is holes otherwise."""
        with self._making:
            if size not in self._templates:
                with tempfile.NamedTemporaryFile(dir=self.folder) as file:
                    os.truncate(file.fileno(), _bytes(size))
                    _format(file.name, size)
                    self._templates[size] = list(_pieces(file.fileno()))
            return self._templates[size]


def open_scratch(folder: Path, control: Path = CONTROL) -> LoopScratch | str:
    """Scratch disks in `folder`, or why there are none here."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        return "limiting /tmp takes root on Linux"
    missing = [tool for tool in ("mkfs.ext4", "debugfs") if _tool(tool) is None]
    if missing:
        return f"{' and '.join(missing)} is not installed"
    scratch = LoopScratch(folder, control)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with scratch.disk(1):
            return scratch
    except (OSError, StartFailed) as error:
        return str(error)


def _bytes(size: int) -> int:
    """The size of a disk's file that has room for `size` MB."""
    files = size * _MB // _BYTES_PER_FILE
    withheld = min(size // _WITHHELD, _MOST_WITHHELD)
    return (size + withheld + 1) * _MB + files * _INODE


def _format(path: str, size: int) -> None:
    """An empty ext4, without a journal: what is on it never has to survive anything."""
    _run(
        *("mkfs.ext4", "-q", "-F", "-b", str(BLOCK), "-I", str(_INODE), "-m", "0"),
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
        for offset in range(begin, end, BLOCK):
            data = os.pread(file, min(BLOCK, end - offset), offset)
            if data.strip(b"\0"):
                yield Piece(offset, data)
        begin = end


def _seek(file: int, offset: int, whence: int) -> int:
    """-1: there is no data from `offset` on."""
    try:
        return os.lseek(file, offset, whence)
    except OSError:
        return -1
