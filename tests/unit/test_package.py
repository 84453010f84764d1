"""Packing a folder of code."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from emulator.client import package
from emulator.client.errors import BadPackage


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "code"
    (folder / "lib").mkdir(parents=True)
    (folder / "index.py").write_text("handler = print")
    (folder / "lib" / "one.py").write_text("one = 1")
    return folder


def names_in(zipped: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(zipped)).namelist()


def test_a_zip_holds_every_file_by_its_path_in_the_folder(folder: Path) -> None:
    assert names_in(package.zip_folder(folder)) == ["index.py", "lib/one.py"]


def test_the_same_code_is_the_same_zip_whenever_it_was_written(folder: Path) -> None:
    before = package.zip_folder(folder)

    os.utime(folder / "index.py", (0, 0))
    (folder / "lib" / "__pycache__").mkdir()
    (folder / "lib" / "__pycache__" / "one.pyc").write_bytes(b"anything")

    assert package.zip_folder(folder) == before


def test_the_executable_bit_is_kept(folder: Path) -> None:
    (folder / "bootstrap").write_text("#!/bin/sh")
    (folder / "bootstrap").chmod(0o700)

    archive = zipfile.ZipFile(io.BytesIO(package.zip_folder(folder)))

    modes = {entry.filename: entry.external_attr >> 16 & 0o777 for entry in archive.infolist()}
    assert modes == {"bootstrap": 0o755, "index.py": 0o644, "lib/one.py": 0o644}


def test_a_link_inside_the_folder_is_packed_as_what_it_links_to(folder: Path) -> None:
    (folder / "bin").symlink_to("lib")

    zipped = package.zip_folder(folder)

    assert names_in(zipped) == ["bin/one.py", "index.py", "lib/one.py"]


@pytest.mark.parametrize(
    ("target", "complaint"),
    [
        ("../secret", "links out of the folder"),
        ("../../outside", "links out of the folder"),
        ("nothing", "link to nothing"),
        (".", "links to a folder that it is in"),
    ],
)
def test_a_link_that_cannot_be_packed_is_named(folder: Path, target: str, complaint: str) -> None:
    (folder.parent / "secret").write_text("not yours")
    (folder / "link").symlink_to(target)

    with pytest.raises(BadPackage, match=f"link .*{complaint}|{complaint}"):
        package.zip_folder(folder)


def test_links_that_lead_round_in_a_circle_are_refused(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "lib" / "to-other").symlink_to("../other")
    (folder / "other" / "to-lib").symlink_to("../lib")

    with pytest.raises(BadPackage, match="links to a folder that it is in"):
        package.zip_folder(folder)


def test_code_that_is_too_big_is_refused_naming_the_biggest_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(package, "ZIPPED_LIMIT", package.MEGABYTE)
    (folder / "model.bin").write_bytes(os.urandom(2 * package.MEGABYTE))

    with pytest.raises(BadPackage, match=r"over 1 MB when zipped.* 3 files: model.bin \(2.0 MB\)"):
        package.zip_folder(folder)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPackage, match="holds no files"):
        package.zip_folder(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPackage, match="is not a folder"):
        package.zip_folder(tmp_path / "missing")
