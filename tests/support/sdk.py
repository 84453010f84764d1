"""The published SDK, run by node: installed once for a test run, driven by scripts of the tests."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

_PACKAGE = "@extrahorizon/javascript-sdk@8.14.1"
_SECONDS = 300


def npm_install(folder: Path, *packages: str) -> None:
    """Installs the packages, or what the folder's package.json names."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("npm and node are needed to install and run the service's SDK")
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", *packages]
    subprocess.run(command, cwd=folder, check=True, timeout=_SECONDS, capture_output=True)


class Sdk:
    def __init__(self, folder: Path) -> None:
        npm_install(folder, _PACKAGE)
        self._folder = folder

    def run(self, script: str, variables: dict[str, str]) -> Any:
        """What `script` prints last, as JSON; `sdk` is the SDK in it, and await works."""
        file = self._folder / "script.mjs"
        file.write_text(f"import * as sdk from '@extrahorizon/javascript-sdk';\n{script}")
        done = subprocess.run(
            ["node", str(file)],
            env={"PATH": os.environ["PATH"], **variables},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout.splitlines()[-1])
