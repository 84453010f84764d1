"""Makes a zip of a function's unpacked code: the same files that came in one, in other bytes."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import IO

from taskdock.lambdas.functions import tree


def pack(folder: Path, left_out: Collection[str] = ()) -> IO[bytes]:
    """A zip of all files, folders and links in a folder, open at its beginning. The caller closes
    it. `left_out`: names that are left out, with all that is in folders of those names."""
    packed = tempfile.TemporaryFile()  # noqa: SIM115 - the caller's
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(tree.paths(folder)):
            below = path.relative_to(folder)
            if not any(name in left_out for name in below.parts):
                _add(archive, path, below.as_posix())
    packed.seek(0)
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
