"""Users whose home is missing or cannot be written; and what functions run in, as users see it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from tests.acceptance.conftest import StartServer
from tests.engines.rows import record
from tests.support.live import REPOSITORY, CommandLine

pytestmark = pytest.mark.docker

NOT_WRITABLE = "/proc/home"  # not by root either

_WITHOUT_PASSWD = """
import pwd, sys
def unknown(*_):
    raise KeyError("no such user")
pwd.getpwuid = unknown
from taskdock.commands import main
main(sys.argv[1:], prog_name="taskdock")
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def temporary() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        yield folder


@pytest.fixture
def homeless(temporary: str) -> Run:
    """The command as a user runs it whom the machine does not know, with these variables only."""

    def run(*words: str, **variables: str) -> subprocess.CompletedProcess[str]:
        kept = {name: os.environ[name] for name in ("PATH", "DOCKER_HOST") if name in os.environ}
        return subprocess.run(
            [sys.executable, "-c", _WITHOUT_PASSWD, *words],
            cwd=REPOSITORY,
            env={**kept, "TMPDIR": temporary, **variables},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


def test_a_user_without_a_home_can_look_at_the_runtimes(
    homeless: Run, temporary: str, images: None
) -> None:
    done = homeless("runtimes", "--images", "standin")

    assert done.returncode == 0, done.stderr
    assert "there is no home folder: HOME is not set" in done.stderr
    assert f"are kept in {temporary}/taskdock-{os.getuid()}" in done.stderr
    assert "python3.11" in done.stdout
    told = "there is no home folder: HOME is not set"
    record("no home", "any", f"works; told: {told}")


def test_a_user_without_a_home_who_wants_a_file_in_it_is_told_so(
    homeless: Run, start_server: StartServer
) -> None:
    server = start_server()

    done = homeless("env", "--exh", "--data-dir", str(server.data))

    assert done.returncode == 2
    assert "there is no home folder for .exh/credentials: set HOME" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_home_that_cannot_be_written_keeps_nobody_from_running_functions(
    start_server: StartServer, monkeypatch: pytest.MonkeyPatch, temporary: str, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", NOT_WRITABLE)
    monkeypatch.setenv("TMPDIR", temporary)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)

    server = start_server()
    server.service.deploy("homeless", {"main.py": "handler = lambda event, context: 'ran'"})

    assert server.service.execute("homeless")["result"] == "ran"
    assert f"{NOT_WRITABLE}/.cache/taskdock cannot be written" in server.log
    done = CommandLine(tmp_path, server.service.url)("images", "--images", "standin", "python3.11")
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stderr
    monkeypatch.undo()
    record(
        "unwritable home", "any", "works; told: cannot be written; downloads and locks are kept in"
    )


def test_who_chose_a_stand_in_is_told_of_it_at_each_turn(
    start_server: StartServer, engine: docker.DockerClient, tmp_path: Path
) -> None:
    server = start_server("--images", "standin")
    taskdock = CommandLine(tmp_path, server.service.url)
    folder = REPOSITORY / "sample_functions" / "hello-world-python"

    deployed = taskdock("deploy", str(folder))
    shown = taskdock.succeed("functions", "show", "hello-world-python")
    ran = taskdock("run", "hello-world-python")

    told = "taskdock/standin-python:3.11, a stand-in for public.ecr.aws/lambda/python:3.11"
    assert "warning: python3.11 runs in taskdock/standin-python:3.11" in deployed.stderr
    assert told in shown
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr.splitlines()[0].endswith("\tStand-in: taskdock/standin-python:3.11")
    assert "taskdock/standin-python:3.11 stands in for" in server.log
