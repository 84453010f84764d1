"""`serve --detach`, `stop` and `--port-file`, with real server processes."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from taskdock.testing.waiting import eventually
from tests.support.live import COMMAND, ask

pytestmark = pytest.mark.long

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def here(tmp_path: Path) -> Path:
    folder = tmp_path / "my tasks"
    folder.mkdir()
    return folder


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    others = ("API_", "TASKDOCK_")  # they may name a server of whoever runs the tests
    ours = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return {**ours, "XDG_CACHE_HOME": str(tmp_path / "cache"), "TASKDOCK_PREWARM": "0"}


@pytest.fixture
def run(here: Path, environment: dict[str, str]) -> Iterator[Run]:
    """Runs the command; servers that it leaves are stopped at the end."""

    def run(*words: str, cwd: Path = here) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*COMMAND, *words],
            cwd=cwd,
            env=environment,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    yield run
    run("stop", "--now", "--data-dir", ".taskdock")


def is_free(folder: Path) -> bool:
    from taskdock.client.servers import running

    return not running.is_held(folder)


def test_a_detached_server_serves_until_it_is_stopped(run: Run, here: Path, tmp_path: Path) -> None:
    started = run("serve", "--detach", "--port", "0", "--port-file", "the port")

    assert started.returncode == 0, started.stderr
    port = (here / "the port").read_text()
    assert port == f"{int(port)}\n"
    url, data = f"http://localhost:{int(port)}", here / ".taskdock"
    assert f"  Task Service  {url}\n  Dashboard     {url}/ui/\n" in started.stdout
    assert f"  Log           {data}/server.log\n" in started.stdout
    assert f"  Stop          taskdock stop --data-dir '{data}'\n" in started.stdout
    assert stat.S_IMODE((data / "server.log").stat().st_mode) == 0o600
    assert "Task Service" in (data / "server.log").read_text()
    assert ask("GET", f"{url}/health").json()["status"] == "ok"

    again = run("serve", "--detach")
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.startswith(
        f"runs already  {url}, dashboard {url}/ui/, data in {data}; end it:"
    )
    other = run("serve", "--detach", "--port", "1")
    assert other.returncode == 1
    assert f"a server runs already on {data}, at {url}" in other.stderr

    from_elsewhere = run("env", "--url", f":{int(port)}", cwd=tmp_path)
    assert from_elsewhere.stdout.startswith(f"export API_HOST={url}\n"), from_elsewhere.stderr
    (here / "a").mkdir()
    assert url in run("status", cwd=here / "a").stdout

    stopped = run("stop", "--url", f"127.0.0.1:{int(port)}", cwd=tmp_path)
    assert stopped.returncode == 0, stopped.stderr
    assert stopped.stdout == f"stopped  the server at {url}, data in '{data}'\n"
    assert is_free(data)
    assert not (here / "the port").exists()
    assert not list((tmp_path / "cache" / "taskdock" / "servers").iterdir())
    assert run("stop", "--data-dir", ".taskdock").returncode == 0


def test_a_detached_server_outlives_its_terminal(run: Run, here: Path) -> None:
    """A terminal that closes sends SIGHUP to its session, and the shell to its children."""
    run("serve", "--detach", "--port", "0", "--port-file", "port")
    sessions = [
        os.getsid(int(entry.name))
        for entry in Path("/proc").iterdir()
        if entry.name.isdecimal() and _works_in(entry, here)
    ]

    assert sessions
    assert os.getsid(0) not in sessions
    assert run("stop", "--data-dir", ".taskdock").returncode == 0
    assert (
        "stopping (asked by taskdock stop): running"
        in (here / ".taskdock" / "server.log").read_text()
    )


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").resolve() == folder and b"serve" in (
            process / "cmdline"
        ).read_bytes().split(b"\0")
    except OSError:
        return False


def test_a_server_that_cannot_start_says_why_and_leaves_no_port(run: Run, here: Path) -> None:
    with socket.create_server(("localhost", 0)) as taken:
        port = taken.getsockname()[1]
        started = run("serve", "--detach", "--port", str(port), "--port-file", "port")

    assert started.returncode == 1
    assert "the server ended with exit code 1; its log," in started.stderr
    assert str(port) in started.stderr.partition("ends with:")[2]
    assert not (here / "port").exists()
    assert is_free(here / ".taskdock")


def test_a_server_in_the_foreground_is_stopped_too(
    run: Run, here: Path, environment: dict[str, str]
) -> None:
    words = [*COMMAND, "serve", "--port", "0", "--port-file", "port"]
    with subprocess.Popen(words, cwd=here, env=environment, stdout=subprocess.DEVNULL) as server:
        try:
            eventually((here / "port").exists, "the server serves")
            stopped = run("stop")  # means the server of this folder
            assert stopped.stdout.startswith("stopped  the server at"), stopped.stderr
            assert server.wait(30) == 0
        finally:
            server.kill()
