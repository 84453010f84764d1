"""A function's code comes out as it went in: files, modes, empty folders and links."""

from __future__ import annotations

import os
import stat
import zipfile
from pathlib import Path

from taskdock.lambdas.functions.zips.packing import pack


def test_a_zip_has_the_files_modes_folders_and_links_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "empty").mkdir()
    (tmp_path / "lib" / "oak").write_text("wood")
    (tmp_path / "lib" / "oak").chmod(0o644)
    (tmp_path / "bootstrap").write_text("#!/bin/sh\n")
    (tmp_path / "bootstrap").chmod(0o755)
    os.symlink("lib", tmp_path / "link")

    with pack(tmp_path) as packed, zipfile.ZipFile(packed) as archive:
        modes = {each.filename: each.external_attr >> 16 for each in archive.infolist()}
        read = {name: archive.read(name) for name in modes}

    assert read == {
        "bootstrap": b"#!/bin/sh\n",
        "empty/": b"",
        "lib/": b"",
        "lib/oak": b"wood",
        "link": b"lib",
    }
    assert stat.S_ISLNK(modes["link"])
    assert stat.S_ISDIR(modes["lib/"])
    assert (modes["bootstrap"] & 0o777, modes["lib/oak"] & 0o777) == (0o755, 0o644)


def test_the_same_code_makes_the_same_zip(tmp_path: Path) -> None:
    (tmp_path / "oak").write_text("wood")
    with pack(tmp_path) as first:
        before = first.read()
    os.utime(tmp_path / "oak", (1, 1))

    with pack(tmp_path) as second:
        assert second.read() == before
