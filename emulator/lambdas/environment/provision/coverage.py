"""Counts the lines of functions in their containers: what a container sees and is told for it.

A folder of the user's has two in it: `hooks`, which containers read, and `lines`, which they write.
Functions are entered by AWS's own way, a wrapper script; images stay as they are:
https://docs.aws.amazon.com/lambda/latest/dg/runtimes-modify.html
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from taskdock.base import resources
from taskdock.base.errors import StartupError
from taskdock.engines.engine import Mount

WRAPPER = "AWS_LAMBDA_EXEC_WRAPPER"
LINES = "lines"
"""The folder that containers write into, a file for each process that has run code."""
_HOOKS = "hooks"
_HOOKS_INSIDE = "/dev/taskdock-coverage"
_LINES_INSIDE = "/dev/taskdock-lines"
_COUNTED = ("python", "nodejs")
"""Families of runtimes. Others have no hook of ours, and a custom runtime no wrapper."""


@dataclass(frozen=True, kw_only=True)
class Coverage:
    folder: Path
    """Absolute, without links; `prepare` has made it."""
    detail: str = "branches"
    """`lines`: what is faster, from Python 3.12 on."""

    @property
    def mounts(self) -> tuple[Mount, ...]:
        return (
            Mount(source=self.folder / _HOOKS, target=_HOOKS_INSIDE),
            Mount(source=self.folder / LINES, target=_LINES_INSIDE, read_only=False),
        )

    def variables(self, family: str | None, given: Mapping[str, str]) -> dict[str, str]:
        """Variables in place of, and beside, those that a function has. `family`: its runtime's;
        None: an image's, which has whatever runtime it has."""
        if family is not None and family not in _COUNTED:
            return {}
        variables = {WRAPPER: f"{_HOOKS_INSIDE}/wrapper", "TASKDOCK_COUNT": self.detail}
        if given.get(WRAPPER):
            variables["TASKDOCK_EXEC_WRAPPER"] = given[WRAPPER]
        return variables


def prepare(folder: Path, detail: str) -> Coverage:
    """Makes the folder, or takes it as it is; lines that are in it stay. Raises `StartupError`."""
    try:
        folder = folder.absolute()
        if not folder.exists():
            folder.mkdir(parents=True)
            folder.chmod(0o700)  # the folder below is open to every user, and this is its door
        folder = folder.resolve()
        _copy(resources.folder("runtimes") / "coverage", folder / _HOOKS)
        _make(folder / LINES, 0o1777)  # functions are another user, by whatever number here
    except OSError as error:
        raise StartupError(
            f"the folder for coverage, {folder}, cannot be used: {error.strerror or error}; give"
            " --coverage (TASKDOCK_COVERAGE) a folder of yours"
        ) from None
    return Coverage(folder=folder, detail=detail)


def _copy(source: Path, target: Path) -> None:
    """Into a folder beside the lines: the engine may not see the package's own."""
    _make(target, 0o755)
    for file in source.iterdir():
        if not file.is_file():
            continue
        copy, text = target / file.name, file.read_bytes()
        if not os.access(copy, os.X_OK) or copy.read_bytes() != text:
            partial = target / f".{file.name}.{os.getpid()}"
            partial.write_bytes(text)
            partial.chmod(0o755)  # installers may have lost the mode of the wrapper
            partial.replace(copy)


def _make(folder: Path, mode: int) -> None:
    folder.mkdir(exist_ok=True)
    if stat.S_IMODE(folder.stat().st_mode) != mode:
        folder.chmod(mode)
