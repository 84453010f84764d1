"""A small disk of a test's own, to be filled: memory that is mounted on a folder."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.support.parts import missing

_PIECE = 4096  # bytes


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
