"""A project of its own in a folder, whose tests are run by a pytest of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.signals import AS_IN_THE_FOREGROUND

_SECONDS = 240
_OURS = ("PYTEST_", "TASKDOCK_", "GITHUB_", "API_", "CI", "COV_")
"""How variables of this process begin that would change what a project's tests do."""


@dataclass(frozen=True)
class Ran:
    """A run of pytest that has ended."""

    code: int
    output: str

    def outcomes(self) -> str:
        """The last line without its time, such as "1 failed, 2 passed"."""
        last = self.output.rstrip().splitlines()[-1]
        return last.strip("= ").rpartition(" in ")[0]


class PytestProject:
    def __init__(
        self,
        folder: Path,
        python: str = sys.executable,
        plugins: Sequence[str] | None = ("taskdock", "xdist"),
    ) -> None:
        """`plugins`: those that are loaded, by the names of their entry points; None: all that are
        installed, which takes seconds where those of our own tests are."""
        self.folder = folder
        self.plugins = plugins
        self._python = python

    def write(self, path: str, text: str) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run(self, *options: str, variables: Mapping[str, str] | None = None) -> Ran:
        """Of the tests in the folder, without colours."""
        ran = self.start(*options, variables=variables)
        try:
            output, _ = ran.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            ran.kill()
            raise
        return Ran(ran.returncode, output)

    def start(
        self, *options: str, variables: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith(_OURS)
        }
        loaded = [word for plugin in self.plugins or () for word in ("-p", plugin)]
        if self.plugins is not None:
            environment["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
        temporary = self.folder.parent / "temporary"  # else it would tidy up after this run of ours
        temporary.mkdir(exist_ok=True)
        command = [self._python, "-m", "pytest", "--color=no", "-p", "no:cacheprovider"]
        return subprocess.Popen(
            [*AS_IN_THE_FOREGROUND, *command, *loaded, *options],
            cwd=self.folder,
            env={
                **environment,
                "COLUMNS": "120",
                "PYTEST_DEBUG_TEMPROOT": str(temporary),
                **(variables or {}),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
