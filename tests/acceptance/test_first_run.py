"""`make demo` where a new user may call it, from a copy of this checkout."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.engines.rows import record
from tests.support.checkout import copy_checkout, kill_all, running, until

pytestmark = [
    pytest.mark.docker,
    pytest.mark.long,
    pytest.mark.timeout(900),
    pytest.mark.usefixtures("images"),
]

COMPLETE = "   status    complete\n"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its own files are for this user alone, as in a clone made with umask 077."""
    folder = tmp_path_factory.mktemp("with space") / "taskdock"
    folder.mkdir()
    copy_checkout(folder)
    for path in (folder / "sample_functions").rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    home = tmp_path / "home"
    home.mkdir()
    return {**os.environ, "HOME": str(home)}


def make_demo(
    checkout: Path, environment: Mapping[str, str], before: str = ":"
) -> subprocess.CompletedProcess[str]:
    """`make demo` in a shell that has done `before`, in a mount namespace of its own as root."""
    alone = ["unshare", "--mount"] if os.geteuid() == 0 else []
    return subprocess.run(
        [*alone, "sh", "-c", f"{before}; exec make demo"],
        cwd=checkout,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_runs_from_a_folder_with_a_space_whatever_the_shell_has_set(
    checkout: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "click.py").write_text("raise SystemExit('the wrong click')")
    proxy = dict.fromkeys(("HTTP_PROXY", "http_proxy", "ALL_PROXY"), "http://127.0.0.1:9")
    shell = {"LC_ALL": "C", "PYTHONPATH": str(tmp_path), "VIRTUAL_ENV": str(tmp_path)}

    demo = make_demo(checkout, environment | proxy | shell, before="umask 077")

    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert demo.stdout.count(COMPLETE) == 3


def test_it_runs_with_few_open_files_and_a_tmpdir_without_programs(
    checkout: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    little = tmp_path / "tmp"
    little.mkdir()
    mount = f"mount -t tmpfs -o noexec,size=16m none '{little}'"
    before = f"ulimit -n 256; {mount if os.geteuid() == 0 else ':'}"

    demo = make_demo(checkout, environment | {"TMPDIR": str(little)}, before)

    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert demo.stdout.count(COMPLETE) == 3
    assert "256 files open, which is enough for about 32 containers" in demo.stderr


def test_too_few_open_files_are_one_sentence(checkout: Path, environment: dict[str, str]) -> None:
    demo = make_demo(checkout, environment, before="ulimit -n 64")

    assert demo.returncode != 0
    assert "no more than 64 files open, and a server needs 128" in demo.stderr
    assert "Traceback" not in demo.stderr
    assert "taskdock doctor" in demo.stderr
    told = "no more than 64 files open, and a server needs 128"
    record("few open files", "any", f"told: {told}")


@pytest.mark.parametrize("moment", ["1. Start a server", "3. Create a task"])
def test_it_runs_again_after_it_was_killed(
    moment: str, checkout: Path, environment: dict[str, str]
) -> None:
    with running("make", "demo", cwd=checkout, environment=environment) as first:
        heard = until(first, moment)
        assert moment in heard, heard
        kill_all(first)
        assert first.returncode == -signal.SIGKILL

    demo = make_demo(checkout, environment)

    assert demo.returncode == 0, demo.stdout + demo.stderr
    assert demo.stdout.count(COMPLETE) == 3
