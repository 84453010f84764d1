"""The wheel and the source package have every file that is kept of the package."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.support.live import REPOSITORY

PAGES = ("web/ui/templates/base.html", "web/ui/static/style.css", "web/ui/static/htmx.LICENSE")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("built")
    build = "from hatchling.build import build_sdist, build_wheel\n"
    build += f"build_wheel({str(folder)!r}), build_sdist({str(folder)!r})"
    subprocess.run([sys.executable, "-c", build], cwd=REPOSITORY, check=True, timeout=120)
    return folder


@pytest.fixture(scope="module")
def kept() -> set[str]:
    """Files of the package that the repository keeps."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--", "emulator"],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        check=True,
    )
    names = filter(None, listed.stdout.decode().split("\0"))
    return {name.removeprefix("emulator/") for name in names if (REPOSITORY / name).exists()}


def test_a_wheel_has_the_package_as_it_is_kept(built: Path, kept: set[str]) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as files:
        names = {name.removeprefix("taskdock/") for name in files.namelist()}

    assert kept >= set(PAGES)
    assert kept - names == set()
    assert [name for name in names if "__pycache__" in name] == []


def test_a_source_package_has_it_too(built: Path, kept: set[str]) -> None:
    (packed,) = built.glob("*.tar.gz")
    with tarfile.open(packed) as files:
        names = {name.partition("/emulator/")[2] for name in files.getnames()}

    assert kept - names == set()
