"""Other Pythons of this machine, each with a folder of the packages that the unit tests need.

The packages have the lowest versions that pyproject.toml allows, so these are tried on the oldest
Python, too.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.support.live import REPOSITORY

_SECONDS_TO_INSTALL = 300


def find(version: str) -> Path | None:
    """An interpreter of this version, such as 3.10: on the PATH, or where pyenv or uv has it."""
    named = shutil.which(f"python{version}")
    home = Path.home()
    places = (
        *sorted((home / ".pyenv" / "versions").glob(f"{version}.*/bin/python{version}")),
        *sorted((home / ".local/share/uv/python").glob(f"cpython-{version}.*/bin/python{version}")),
    )
    for place in (Path(named) if named else None, *places):
        if place is not None and _runs(place, version):
            return place
    return None


def _runs(python: Path, version: str) -> bool:
    """Whether it is what it is called: pyenv has a name for each, also of what is not chosen."""
    code = "import sys, venv; print('%d.%d' % sys.version_info[:2])"
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return done.returncode == 0 and done.stdout.strip() == version


def environment(python: Path, folder: Path) -> Path:
    """The interpreter of a virtual environment with this project and what its tests need."""
    made = folder / "bin" / "python"
    if not made.exists():
        subprocess.run([python, "-m", "venv", "--clear", folder], check=True)
    lowest = REPOSITORY / "constraints" / "lowest.txt"
    for wanted in (
        ("--require-hashes", "--requirement", lowest),
        ("--no-deps", "--no-build-isolation", "--no-index", "--editable", REPOSITORY),
    ):
        subprocess.run(
            [made, "-m", "pip", "install", "--quiet", *wanted],
            env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"},
            timeout=_SECONDS_TO_INSTALL,
            check=True,
        )
    return made
