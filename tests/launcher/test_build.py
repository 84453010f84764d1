"""The binaries that are shipped are what the source gives."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.launcher.conftest import FOLDER
from tests.support.live import REPOSITORY

pytestmark = pytest.mark.long  # the first build on a machine takes minutes
MACHINES = {"launcher-amd64": 62, "launcher-arm64": 183}  # as ELF numbers them
LARGEST = 64 * 1024  # bytes


@pytest.mark.timeout(900)
def test_both_binaries_are_what_the_source_gives() -> None:
    built = subprocess.run(
        [REPOSITORY / "scripts" / "build-launcher", "--check"],
        env={**os.environ, "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        check=False,
    )

    assert built.returncode == 0, built.stderr


@pytest.mark.parametrize(("name", "machine"), MACHINES.items())
def test_a_binary_is_small_static_and_executable(name: str, machine: int) -> None:
    content = (FOLDER / name).read_bytes()

    assert content[:4] == b"\x7fELF"
    assert int.from_bytes(content[18:20], "little") == machine
    assert b"/lib/ld-" not in content, "it needs no loader"
    assert len(content) <= LARGEST
    assert os.access(FOLDER / name, os.X_OK)


def test_binaries_tell_nothing_of_the_machine_that_built_them() -> None:
    for name in MACHINES:
        content = (FOLDER / name).read_bytes()

        assert b"/home/" not in content
        assert b"/root" not in content
        assert b"launcher.c" not in content
