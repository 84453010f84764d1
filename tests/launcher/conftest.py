"""The launcher in three builds: as it is shipped, and twice with every access to memory watched."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.launcher.container import BUILDS, Container
from tests.support.live import REPOSITORY
from tests.support.parts import missing

Command = list[str]

FOLDER = REPOSITORY / "emulator" / "engines" / "launcher"
WATCHED_CODE = 99
"""The exit code where a watcher has found something: no errno that is used."""
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_FLAGS = ("-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Wconversion", "-Werror")
_SANITIZED = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all")


@pytest.fixture(scope="session")
def built() -> Iterator[Path]:
    """A folder for launchers that everybody may enter: some are run by others than root."""
    with tempfile.TemporaryDirectory(prefix="launchers-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


def shipped(folder: Path) -> Command:
    program = folder / "shipped"
    if not program.exists():
        shutil.copy(FOLDER / f"launcher-{_ARCHITECTURES[platform.machine()]}", program)
    return [str(program)]


def sanitized(folder: Path) -> Command:
    program = _compiled(folder / "sanitized", *_SANITIZED)
    options = f"detect_leaks=0:exitcode={WATCHED_CODE}"  # leaks are valgrind's
    return ["env", f"ASAN_OPTIONS={options}", program]


def watched(folder: Path) -> Command:
    _need("valgrind")
    program = _compiled(folder / "plain")
    options = ("--quiet", "--vgdb=no", "--leak-check=full", "--track-fds=no")
    return ["valgrind", *options, f"--error-exitcode={WATCHED_CODE}", program]


def _compiled(program: Path, *flags: str) -> str:
    _need("gcc")
    if not program.exists():
        source = FOLDER / "launcher.c"
        subprocess.run(["gcc", *_FLAGS, *flags, source, "-o", program], check=True)
    return str(program)


def _need(program: str) -> None:
    script = REPOSITORY / "scripts" / "test-needs"
    got = subprocess.run([script, program], capture_output=True, text=True, check=False)
    if got.returncode:
        missing(f"{program}: {got.stdout}{got.stderr}")


@pytest.fixture(params=BUILDS)
def launcher(request: pytest.FixtureRequest, built: Path) -> Command:
    """The command of a launcher, without its doors."""
    for tool in ("unshare", "setpriv", "ip", "bash", "perl"):
        if not shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
            missing(f"{tool}, for name spaces and what runs in them")
    if os.geteuid() != 0:
        missing("root, for name spaces")
    build = {"shipped": shipped, "sanitized": sanitized, "watched": watched}
    return build[request.param](built)


@pytest.fixture
def container(launcher: Command) -> Iterator[Container]:
    """With the control connection taken."""
    with Container(launcher) as container:
        yield container.connect()
