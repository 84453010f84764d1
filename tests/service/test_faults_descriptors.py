"""A server without a descriptor left: it says so once, callers wait, and are served later."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from taskdock.testing.waiting import eventually
from tests.support.live import REPOSITORY, ask

SPARE = 20  # descriptors that it has beside those that it has open
CALLERS = 60
SERVER = """
import logging, sys, threading
from pathlib import Path
from tests.support.builders import Dock
logging.basicConfig(level="WARNING", stream=sys.stderr)
dock = Dock(Path(sys.argv[1]))
print(dock.emulator.port, flush=True)
sys.stdin.read()
dock.stop()
"""


class Server:
    """A process of its own, for its limits are the process'."""

    def __init__(self, data: Path, log: Path) -> None:
        self._log = log
        with log.open("w") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-c", SERVER, str(data)],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())

    @property
    def log(self) -> list[str]:
        return self._log.read_text().splitlines()

    def limit(self) -> None:
        """It may open a few more files than it has open."""
        pid = self._process.pid
        count = max(int(name) for name in os.listdir(f"/proc/{pid}/fd")) + 1
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (count + SPARE, count + SPARE))

    def health(self) -> requests.Response:
        return ask("GET", f"http://127.0.0.1:{self.port}/health")

    def close(self) -> None:
        assert self._process.stdin is not None
        with self._process:
            self._process.stdin.close()
            self._process.wait(30)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data", tmp_path / "log")
    yield server
    server.close()


@contextlib.contextmanager
def callers(port: int, count: int) -> Iterator[list[socket.socket]]:
    """Connected, as the kernel sees it, and silent."""
    with contextlib.ExitStack() as held:
        yield [
            held.enter_context(socket.create_connection(("127.0.0.1", port), 30))
            for _ in range(count)
        ]


def test_without_descriptors_callers_wait_and_one_line_says_so(server: Server) -> None:
    server.health()
    server.limit()
    with requests.Session() as known, callers(server.port, 1) as (early,):
        known.trust_env = False
        url = f"http://127.0.0.1:{server.port}/health"
        assert known.get(url, timeout=30).status_code == 200  # it is connected from now on

        with callers(server.port, CALLERS):
            told = eventually(lambda: _failing(known.get(url, timeout=30)))
            status = known.get(f"http://127.0.0.1:{server.port}/status", timeout=30)
            noise = len(server.log)  # a thousand, where each try has one

        assert told == _failing(status) == ["descriptors"]
        assert "ulimit -n" in "\n".join(server.log)
        assert noise <= 5, server.log
        assert server.health().status_code in (200, 503)  # it waits, and is served
        eventually(lambda: server.health().status_code == 200)
        early.close()


def _failing(answer: requests.Response) -> list[str]:
    return [each["name"] for each in answer.json()["troubles"]]
