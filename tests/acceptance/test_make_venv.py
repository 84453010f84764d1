"""The scripts that set up, in a project of their own that is installed in seconds."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.checkout import running, tiny_project, until

pytestmark = [pytest.mark.docker, pytest.mark.long]  # they need no engine, but have its time
LIMIT = 60.0  # seconds, for what takes a few


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tiny_project(tmp_path / "with space" / "tiny")


def make_venv(project: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run(
        ["scripts/make-venv"],
        cwd=project,
        env={**os.environ, "PATH": path, **variables},
        capture_output=True,
        text=True,
        check=False,
        umask=0o077,
    )


def says(project: Path) -> str:
    """What the installed command prints."""
    command = str(project / ".venv" / "bin" / "taskdock")
    return subprocess.run([command], capture_output=True, text=True, check=True).stdout


def test_it_installs_in_a_folder_with_a_space_whatever_is_set_for_another_python(
    project: Path, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "pip.py").write_text("raise SystemExit('the wrong pip')")

    made = make_venv(
        project,
        PYTHONPATH=str(tmp_path / "other"),
        PYTHONHOME=str(tmp_path),
        VIRTUAL_ENV=str(tmp_path),
        PIP_TARGET=str(tmp_path / "target"),
        PIP_USER="1",
        PIP_REQUIRE_VIRTUALENV="1",
        LC_ALL="C",
    )

    assert made.returncode == 0, made.stderr
    assert says(project) == "it runs\n"
    assert "about 20 s" in made.stderr
    assert make_venv(project).stderr == ""


def test_another_list_of_versions_is_installed_and_the_same_one_is_not(project: Path) -> None:
    listed = project / "constraints"
    listed.mkdir()
    for name in ("run.txt", "build.txt"):
        (listed / name).touch()

    made = make_venv(project)
    again = make_venv(project)
    (listed / "run.txt").write_text("# another\n")
    changed = make_venv(project)

    assert made.returncode == 0, made.stderr
    assert again.stderr == ""
    assert "installing what taskdock needs" in changed.stderr


def test_lists_that_do_not_fit_the_project_any_more_are_told(project: Path) -> None:
    (project / "constraints").mkdir()
    for name in ("run.txt", "build.txt"):
        (project / "constraints" / name).touch()
    backend = project / "backend.py"
    backend.write_text(
        backend.read_text().replace("Version: 1\\n", "Version: 1\\nRequires-Dist: leaf\\n", 1)
    )

    made = make_venv(project)

    assert made.returncode == 1
    assert "leaf, which is not installed" in made.stderr
    assert "make constraints PINNED=no" in made.stderr
    assert not (project / ".venv" / ".installed").exists()


def test_one_that_was_killed_is_begun_again(project: Path) -> None:
    slow = project / "slow"
    (project / "backend.py").write_text(
        f"import pathlib, time\npathlib.Path({str(slow)!r}).touch()\ntime.sleep(600)\n"
        + (project / "backend.py").read_text()
    )
    with running("scripts/make-venv", cwd=project):
        wait_for(slow.exists)
    tiny_project(project.parent / "sound")
    (project / "backend.py").write_text((project.parent / "sound" / "backend.py").read_text())
    assert (project / ".venv" / ".unfinished").exists()
    left = project / ".venv" / "left"
    left.touch()

    made = make_venv(project)

    assert made.returncode == 0, made.stderr
    assert says(project) == "it runs\n"
    assert not left.exists()
    assert not (project / ".venv" / ".unfinished").exists()


def test_one_that_still_runs_is_waited_for(project: Path) -> None:
    with (project / "scripts" / "make-venv").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with running("scripts/make-venv", cwd=project) as waiting:
            heard = until(waiting, "waiting for another make-venv to end")
            assert not (project / ".venv").exists()
            fcntl.flock(lock, fcntl.LOCK_UN)

            heard += until(waiting, "no such words")

            assert waiting.wait(LIMIT) == 0, heard
    assert says(project) == "it runs\n"


def test_a_python_without_ensurepip_is_told_with_the_command_that_mends_it(
    project: Path, tmp_path: Path
) -> None:
    write(tmp_path / "bin" / "id", "echo 1000")
    write(
        tmp_path / "bin" / "python3",
        f'case "$*" in *ensurepip*) exit 1 ;; esac\nexec "{sys.executable}" "$@"',
    )

    made = make_venv(project, PYTHON=str(tmp_path / "bin" / "python3"), PATH=path(tmp_path / "bin"))

    assert made.returncode == 1
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    assert made.stderr.endswith(f"sudo apt-get install python{version}-venv\n")


@pytest.mark.parametrize(("code", "heard"), [(0, "trying\n"), (3, "trying\nout\nerr\n")])
def test_output_is_shown_only_when_it_failed(code: int, heard: str, project: Path) -> None:
    command = f"echo out; echo err >&2; exit {code}"

    done = subprocess.run(
        ["scripts/with-progress", "trying", "sh", "-c", command],
        cwd=project,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (code, "", heard)


def test_what_takes_long_says_every_five_seconds_that_it_goes_on(project: Path) -> None:
    done = project / "done"
    command = f"until [ -e '{done}' ]; do sleep 0.1; done"
    with running("scripts/with-progress", "trying", "sh", "-c", command, cwd=project) as process:
        heard = until(process, " s\n")
        done.touch()

        assert heard.splitlines()[0] == "trying"
        assert heard.splitlines()[1] in ("trying: 5 s", "trying: 6 s")
        assert process.wait(LIMIT) == 0


def test_a_signal_ends_the_command_too(project: Path) -> None:
    pid = project / "pid"
    command = f"echo $$ > '{pid}.new'; mv '{pid}.new' '{pid}'; exec sleep 600"
    with running("scripts/with-progress", "trying", "sh", "-c", command, cwd=project) as process:
        wait_for(pid.exists)
        process.send_signal(signal.SIGTERM)

        assert process.wait(LIMIT) == 128 + signal.SIGTERM
        wait_for(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists())


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"DOCKER_HOST": "ssh://me@far"}, ["ssh:// addresses cannot be used", "unset DOCKER_HOST"]),
        ({"DOCKER_CONTEXT": "far"}, ["no such context", "unset DOCKER_CONTEXT"]),
        (
            {"DOCKER_HOST": "tcp://127.0.0.1:9", "DOCKER_TLS_VERIFY": "1"},
            ["TLS cannot be used here", "unset DOCKER_HOST"],
        ),
    ],
)
def test_no_engine_is_started_where_another_was_asked_for(
    variables: dict[str, str], words: list[str], tmp_path: Path
) -> None:
    kept = {name: os.environ[name] for name in os.environ if not name.startswith("DOCKER_")}
    started = tmp_path / "started"
    write(tmp_path / "bin" / "dockerd", f"touch '{started}'")

    done = subprocess.run(
        [Path(__file__).parents[2] / "scripts" / "ensure-engine"],
        env={**kept, "HOME": str(tmp_path), "PATH": path(tmp_path / "bin"), **variables},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert all(word in done.stderr for word in words), done.stderr
    assert not started.exists()


def write(file: Path, script: str) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def path(first: Path) -> str:
    return f"{first}:{Path(sys.executable).parent}:{os.environ['PATH']}"


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.02)
