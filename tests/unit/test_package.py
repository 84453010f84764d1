"""Packing a folder of code."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from pathlib import Path

import pytest

from taskdock.client.deployment import package
from taskdock.client.errors import BadPackage


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


def targets_in(zipped: bytes) -> dict[str, str]:
    archive = zipfile.ZipFile(io.BytesIO(zipped))
    return {
        entry.filename: archive.read(entry).decode()
        for entry in archive.infolist()
        if entry.external_attr >> 16 == stat.S_IFLNK | 0o777
    }


@pytest.mark.parametrize("umask", [0, 0o077])
def test_everyone_may_read_what_is_packed_whatever_it_is_here(folder: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        (folder / "secret.py").write_text("")
        (folder / "lib" / "run").write_text("")
        (folder / "secret.py").chmod(0o400)
        (folder / "lib" / "run").chmod(0o4711)
        (folder / "lib").chmod(0o700)
        zipped = package.zip_folder(folder)
    finally:
        os.umask(before)

    entries = zipfile.ZipFile(io.BytesIO(zipped)).infolist()
    modes = {entry.filename: entry.external_attr >> 16 for entry in entries}
    file, program = stat.S_IFREG | 0o644, stat.S_IFREG | 0o755
    assert modes == {"index.py": file, "lib/one.py": file, "secret.py": file, "lib/run": program}
    assert {entry.create_system for entry in entries} == {3}


@pytest.mark.parametrize(
    ("link", "target", "packed"),
    [
        pytest.param("bin", "lib", "lib", id="a folder"),
        pytest.param("lib/up.py", "../index.py", "../index.py", id="a file"),
        pytest.param("nothing", "lib/none.py", "lib/none.py", id="nothing"),
        pytest.param("here", ".", ".", id="the folder itself"),
        pytest.param("self", "self", "self", id="the link itself"),
        pytest.param("layer", "/opt/nodejs", "/opt/nodejs", id="a layer"),
        pytest.param("cache", "/tmp/cache", "/tmp/cache", id="what can be written"),
        pytest.param("task", "/var/task/lib", "/var/task/lib", id="the code in its container"),
        pytest.param("lib/all", "{folder}/lib/one.py", "one.py", id="an absolute path"),
        pytest.param("lib/far", "../../code/index.py", "../index.py", id="out and in again"),
    ],
)
def test_a_link_is_packed_as_a_link(folder: Path, link: str, target: str, packed: str) -> None:
    (folder / link).symlink_to(target.format(folder=folder))

    zipped = package.zip_folder(folder)

    assert targets_in(zipped) == {link: packed}
    assert sorted(names_in(zipped)) == sorted(["index.py", "lib/one.py", link])


def test_links_are_the_same_whatever_way_leads_to_the_folder(folder: Path, tmp_path: Path) -> None:
    (folder / "lib" / "all").symlink_to(folder / "index.py")
    (folder / "bin").symlink_to("lib")
    (tmp_path / "other").symlink_to("code")

    assert package.zip_folder(tmp_path / "other") == package.zip_folder(folder)


def test_links_that_lead_round_in_a_circle_are_packed(folder: Path) -> None:
    (folder / "other").mkdir()
    (folder / "lib" / "to-other").symlink_to("../other")
    (folder / "other" / "to-lib").symlink_to("../lib")

    targets = targets_in(package.zip_folder(folder))

    assert targets == {"lib/to-other": "../other", "other/to-lib": "../lib"}


@pytest.mark.parametrize(
    "target", ["../secret", "../../outside", "../none", "/etc/passwd", "/opt2"]
)
def test_a_link_out_of_the_folder_is_refused_and_named(folder: Path, target: str) -> None:
    (folder.parent / "secret").write_text("not yours")
    (folder / "link").symlink_to(target)

    with pytest.raises(BadPackage, match=r"code/link links out of the folder, to /.*; put a copy"):
        package.zip_folder(folder)


def test_code_that_is_too_big_is_refused_naming_the_biggest_files(folder: Path) -> None:
    limits = package.PackageLimits(zipped=package.MEGABYTE)
    (folder / "model.bin").write_bytes(os.urandom(2 * package.MEGABYTE))

    with pytest.raises(BadPackage, match=r"over 1 MB when zipped.* 3 files: model.bin \(2.0 MB\)"):
        package.zip_folder(folder, limits)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPackage, match="holds no files"):
        package.zip_folder(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadPackage, match="is not a folder"):
        package.zip_folder(tmp_path / "missing")
