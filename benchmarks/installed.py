"""Peers from PyPI, each in a virtual environment of its own in the user's cache.

They are not installed with taskdock, because taskdock does not need them.
"""

from __future__ import annotations

import compileall
import os
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import taskdock
from benchmarks.function import ARCHITECTURE
from taskdock.base.files import user_folders

SAM = "aws-sam-cli==1.170.0"
MINISTACK = "ministack==1.5.33 docker==7.2.0"  # without the second it runs no containers
PEERS = user_folders.cache(os.environ) / "peers"
SOURCES = Path(taskdock.__file__).parent


def venv(requirements: str) -> Path:
    """The virtual environment for these requirements, which are separated by spaces."""
    return PEERS / requirements.replace(" ", "+")


def install_peers(packages: Iterable[str]) -> None:
    """Also compiles taskdock's sources, as pip does with all that it installs: the peers."""
    with ThreadPoolExecutor() as installers:
        list(installers.map(install, set(packages)))
    compileall.compile_dir(SOURCES, quiet=1)


def install(requirements: str) -> None:
    """Once; an interrupted installation is made anew."""
    folder = venv(requirements)
    if (folder / "done").exists():
        return
    print(f"installing {requirements} into {folder}")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    pip = [str(folder / "bin" / "pip"), "install", "-qq"]
    subprocess.run([*pip, *requirements.split()], check=True)
    (folder / "done").touch()


def rie() -> Path:
    """The RIE in SAM's wheel, as an executable file."""
    wanted = f"aws-lambda-rie-{ARCHITECTURE}"
    (found,) = venv(SAM).glob(f"lib/*/site-packages/samcli/local/rapid/{wanted}")
    found.chmod(0o755)
    return found
