"""Functions that hold all the connections they can get, where a process may have few files open."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
import pytest

from taskdock.testing.waiting import eventually
from tests.acceptance.conftest import engine, images  # noqa: F401
from tests.support import live
from tests.support.live import LiveServer, ask

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(240)]

ENVIRONMENTS = 8
HOLDS = """
import socket, time

def handler(task, context):
    held = []
    for port in (9001, 9002):
        for _ in range(64):
            try:
                one = socket.create_connection(("127.0.0.1", port), 2)
                one.sendall(b"POST /2018-06-01/x HTTP/1.1\\r\\nHost: localhost\\r\\nA: ")
                held.append(one)
            except OSError:
                pass
    print("holding", len(held), flush=True)
    end = time.time() + task["data"]["seconds"]
    while time.time() < end:
        for at, one in enumerate(held):
            try:
                one.settimeout(0)
                if one.recv(1) == b"":
                    raise OSError
            except BlockingIOError:
                continue
            except OSError:
                one.close()
                try:
                    held[at] = socket.create_connection(("127.0.0.1", 9002), 2)
                except OSError:
                    pass
        time.sleep(0.05)
    return len(held)
"""
ANSWERS = "def handler(task, context):\n    return task['data']\n"


@pytest.fixture(params=["1024:4096", "1024:1024"])
def server(
    request: pytest.FixtureRequest,
    engine: docker.DockerClient,  # noqa: F811
    images: None,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[LiveServer]:
    limited = (str(shutil.which("prlimit")), f"--nofile={request.param}", *live.COMMAND)
    monkeypatch.setattr(live, "COMMAND", limited)
    server = LiveServer(engine, tmp_path / "data")
    try:
        yield server.start()
        server.stop()
    finally:
        server.discard()


def test_functions_that_hold_all_connections_they_can_get_keep_nobody_out(
    server: LiveServer,
) -> None:
    service = server.service
    service.deploy("holds", {"main.py": HOLDS}, timeLimit=30)
    service.deploy("oak", {"main.py": ANSWERS})
    service.warm_up("oak", {"n": 0})
    with ThreadPoolExecutor(ENVIRONMENTS) as callers:
        held = [
            callers.submit(_execute, server, "holds", {"seconds": 25}) for _ in range(ENVIRONMENTS)
        ]
        eventually(lambda: _holding(server) == ENVIRONMENTS, "all of them hold connections")

        seen = []
        while not any(each.done() for each in held):
            health = ask("GET", f"{service.url}/health", timeout=10)
            seen.append((health.status_code, _execute(server, "oak", {"n": 1}).get("status")))

        assert len(seen) >= 10
        assert set(seen) <= {(200, "complete"), (503, "complete")}, seen
    assert server.runs
    told = [line for line in server.log.splitlines() if "files" in line]
    assert len(told) <= 2, told


def _execute(server: LiveServer, name: str, data: dict[str, Any]) -> dict[str, Any]:
    url = f"{server.service.url}/tasks/v1/functions/{name}/execute"
    answer: dict[str, Any] = ask("POST", url, json={"data": data}, timeout=60).json()
    return answer


def _holding(server: LiveServer) -> int:
    tasks = server.service.tasks("eq(functionName,holds)")
    logs = [server.service.log(task["id"]) for task in tasks if task["status"] == "inProgress"]
    return sum(any(line.startswith("holding") for line in lines) for lines in logs)
