"""Disks of a test's own: a disk to fill, memory on a folder, and a disk that fails."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.parts import missing

_PIECE = 4096  # bytes
_SIZE = 24 * 1024 * 1024  # bytes of a disk that fails


class SmallDisk:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Not a byte more can be written."""
        for size in (1024 * 1024, _PIECE, 1):
            with self._filler.open("ab", buffering=0) as filler, contextlib.suppress(OSError):
                while filler.write(b"\0" * size):
                    pass

    def free(self) -> None:
        self._filler.unlink()


class FailingDisk:
    """A file system in a file, that Linux stops writing to as it does after a disk's error."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._image = folder.with_suffix(".img")

    def make(self) -> None:
        with self._image.open("wb") as image:
            image.truncate(_SIZE)
        _run("mkfs.ext4", "-q", "-F", str(self._image))

    def fail(self) -> None:
        """After that nothing can be written; what was written before is on it."""
        _run("sync", "--file-system", str(self.folder))
        _run("mount", "-o", "remount,abort", str(self.folder))

    @contextlib.contextmanager
    def as_it_was_written(self) -> Iterator[Path]:
        """A folder with what is on it: mounted anew, from a copy, since it may be in use."""
        copy = self._image.with_name("copy.img")
        shutil.copyfile(self._image, copy)
        with _mounted(copy, self._image.with_name("copy")) as folder:
            yield folder

    @contextlib.contextmanager
    def mounted(self) -> Iterator[None]:
        with _mounted(self._image, self.folder):
            yield


@contextlib.contextmanager
def failing_disk(folder: Path) -> Iterator[FailingDisk]:
    """On this folder, which is made."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        missing("root on Linux, for a disk that fails")
    if not shutil.which("mkfs.ext4") or not Path("/dev/loop-control").exists():
        missing("mkfs.ext4 and loop devices, for a disk that fails")
    disk = FailingDisk(folder)
    disk.make()
    with disk.mounted():
        yield disk


@contextlib.contextmanager
def _mounted(image: Path, folder: Path) -> Iterator[Path]:
    folder.mkdir()
    _run("mount", "-o", "loop", str(image), str(folder))
    try:
        yield folder
    finally:
        _run("umount", "--lazy", str(folder))


@contextlib.contextmanager
def small_disk(folder: Path, megabytes: int = 8) -> Iterator[SmallDisk]:
    """On this folder, which is made."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        missing("root on Linux, for a small disk")
    folder.mkdir()
    _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "taskdock-test", str(folder))
    try:
        yield SmallDisk(folder)
    finally:
        _run("umount", "--lazy", str(folder))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)
