"""Every fenced command of the README and of the other pages is run, as a reader would run it.

docs/testing.md, docs/ci.md and the page of the JavaScript package have tests of their own, in
tests/harness.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from taskdock.client.servers.local_server import LocalServer, own_command
from taskdock.base.timing.clock import SystemClock
from tests.harness.page import Example, examples
from tests.support.checkout import ROOT
from tests.support.live import make_images
from tests.support.parts import missing

pytestmark = [pytest.mark.docker, pytest.mark.timeout(300)]

SERVER_PAGES = ("docs/clients.md", "docs/lambda-api.md", "sample_functions/README.md")
"""Pages whose lines are for a server that runs at http://localhost:8080 and has all samples."""
SECONDS = 120
OURS = ("API_", "AWS_", "TASKDOCK_")
"""How variables of this process begin that would change what the lines do."""
ADDRESS = "localhost:8080"
"""The server's address on the pages; here it has a free port."""


class Reader:
    """Runs lines of a page in a folder of its own."""

    def __init__(self, folder: Path, variables: dict[str, str]) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.variables = {**kept, "PATH": path, "NO_PROXY": "localhost", **variables}

    def run(self, lines: str) -> str:
        """What lines for a shell print; the first that fails fails the test."""
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", lines],
            cwd=self.folder,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"exit code {done.returncode}\n{lines}\n{done.stdout}"
        return done.stdout
