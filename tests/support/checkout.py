"""Copies of this checkout, and small projects with its scripts, to set up and run elsewhere."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
_PARTS = ("constraints", "emulator", "runtimes", "sample_functions", "scripts")
_FILES = ("Makefile", "README.md", "cli.py", "pyproject.toml")

_TASKDOCK = """#!/bin/sh
exec "$(dirname "$0")/python" "$(dirname "$0")/../../cli.py" "$@"
"""

_PYPROJECT = """[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]

[project]
name = "tiny"
version = "1"
"""

# Writes by hand what setuptools would, so that nothing is fetched.
_BACKEND = """
import zipfile

META = "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n"
WHEEL = "Wheel-Version: 1.0\\nGenerator: tiny\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"

def build_editable(folder, config_settings=None, metadata_directory=None):
    with zipfile.ZipFile(folder + "/tiny-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny.py", "def main():\\n    print('it runs')\\n")
        wheel.writestr("tiny-1.dist-info/METADATA", META)
        wheel.writestr("tiny-1.dist-info/WHEEL", WHEEL)
        wheel.writestr("tiny-1.dist-info/entry_points.txt",
                       "[console_scripts]\\ntaskdock = tiny:main\\n")
        wheel.writestr("tiny-1.dist-info/RECORD", "")
    return "tiny-1-py3-none-any.whl"
"""


def copy_checkout(folder: Path) -> Path:
    """This checkout in `folder`, with a .venv that takes its packages from the one that runs."""
    for part in _PARTS:
        left_out = shutil.ignore_patterns("__pycache__", "node_modules")
        shutil.copytree(ROOT / part, folder / part, ignore=left_out)
    for file in _FILES:
        shutil.copy(ROOT / file, folder / file)
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(folder / ".venv")], check=True
    )
    (packages,) = (folder / ".venv").glob("lib/python3*/site-packages")
    borrowed = sysconfig.get_path("purelib")
    (packages / "borrowed.pth").write_text(f"{folder}\n{borrowed}\n")
    command = folder / ".venv" / "bin" / "taskdock"
    command.write_text(_TASKDOCK)
    command.chmod(0o755)
    digest = subprocess.run(
        "cat pyproject.toml constraints/*.txt | cksum",
        shell=True,
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (folder / ".venv" / ".installed").write_text(f"{digest} {folder}\n-\n")
    return folder


def tiny_project(folder: Path) -> Path:
    """A project whose `make-venv` installs nothing but itself, in seconds and offline."""
    shutil.copytree(ROOT / "scripts", folder / "scripts")
    (folder / "emulator").mkdir()
    (folder / "cli.py").touch()
    (folder / "pyproject.toml").write_text(_PYPROJECT)
    (folder / "backend.py").write_text(_BACKEND)
    return folder


@contextmanager
def running(
    *command: str, cwd: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[str]]:
    """The command in a session of its own, its output on one pipe; killed with all that it has
    started, when it is left."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=None if environment is None else dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    with process:
        try:
            yield process
        finally:
            kill_all(process)


def kill_all(process: subprocess.Popen[str]) -> None:
    """Kills a `running` command and what is in its session's group."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def until(process: subprocess.Popen[str], words: str) -> str:
    """The process's output up to the line with these words, or all of it without such a line."""
    assert process.stdout is not None
    read = ""
    for line in process.stdout:
        read += line
        if words in line:
            break
    return read
