"""Makes a zip of a function's unpacked code: the same files that came in one, in other bytes."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import IO

from taskdock.lambdas.functions import tree


def pack(folder: Path, paths: Iterable[Path] | None = None) -> IO[bytes]:
    """A zip of all files, folders and links in a folder, open at its beginning. The caller closes
    it. `paths`: those in the folder that are packed; None: all."""
    with ExitStack() as stack:
        packed = stack.enter_context(tempfile.TemporaryFile())
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            for path in sorted(tree.paths(folder) if paths is None else paths):
                _add(archive, path, path.relative_to(folder).as_posix())
        packed.seek(0)
        stack.pop_all()
        return packed


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    """Zips of the same code are the same: each file has the time that `ZipInfo` begins with."""
    mode = path.lstat().st_mode
    entry = zipfile.ZipInfo(f"{name}/" if stat.S_ISDIR(mode) else name)
    entry.create_system = 3  # Unix, whose modes these are
    entry.external_attr = mode << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    if stat.S_ISDIR(mode):
        archive.writestr(entry, b"")
    elif stat.S_ISLNK(mode):
        archive.writestr(entry, os.readlink(path))
    elif stat.S_ISREG(mode):  # a pipe would wait for a writer
        entry.file_size = path.stat().st_size
        with open(path, "rb") as source, archive.open(entry, "w") as sink:
            shutil.copyfileobj(source, sink)
