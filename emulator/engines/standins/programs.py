"""Runs programs of this machine that fetch the parts of stand-ins."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from taskdock.base.errors import ImageNotAvailable
from taskdock.base.machine import threads

# Where else pip is to install something; it refuses to be told two places. And what else, in which
# versions: that is for the lock to say.
_NOT_FOR_PIP = (
    *("PIP_USER", "PIP_PREFIX", "PIP_ROOT", "PIP_TARGET"),
    *("PIP_CONSTRAINT", "PIP_REQUIREMENT", "PIP_EDITABLE"),
)


@dataclass(frozen=True)
class Architecture:
    """One machine architecture in the words of Debian, Python's wheels and npm."""

    debian: str
    wheel: str
    npm: str


ARCHITECTURES = {
    "amd64": Architecture("amd64", "x86_64", "x64"),
    "arm64": Architecture("arm64", "aarch64", "arm64"),
}


def run(*command: str, folder: str | None = None) -> None:
    """In `folder`, or this process's. Raises `ImageNotAvailable`, with the program's last words."""
    try:
        with threads.hearing():
            program = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                env={name: value for name, value in os.environ.items() if name not in _NOT_FOR_PIP},
                umask=0o022,  # for images' files, whatever ours is
            )
    except FileNotFoundError:
        raise ImageNotAvailable(f"{command[0]} is not installed on this machine") from None
    with program:
        try:
            printed, _ = program.communicate()
        except BaseException:
            program.kill()
            raise
    if program.returncode:
        last_words = "\n".join(printed.splitlines()[-8:])
        raise ImageNotAvailable(f"{' '.join(command)} failed ({program.returncode}):\n{last_words}")


def readable(folder: Path) -> None:
    """Lets everybody read what is in the folder, as Lambda's user must, whatever the umask is."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            entered = 0o111 if path.is_dir() or mode & 0o100 else 0
            path.chmod(mode | 0o444 | entered)
