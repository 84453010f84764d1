"""Signals: the first lets what runs finish, the second ends the server whatever hangs."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import pytest

from taskdock.base.settings import EPHEMERAL
from taskdock.engines.docker.locate import find_engine
from taskdock.testing.waiting import eventually
from tests.acceptance.conftest import StartServer
from tests.support.held import LIMIT, Held, held
from tests.support.live import LiveServer, ask, source

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(300)]

SWEEP = r"GET \S+/containers/json"
VERSION = r"GET (/\S+)?/version"
START = r"POST \S+/containers/\w+/start HTTP"
SIGNALS = (signal.SIGINT, signal.SIGTERM)
SOON = 10.0  # seconds; what hangs does so for a minute


@contextmanager
def hanging(
    engine: docker.DockerClient, folder: Path, monkeypatch: pytest.MonkeyPatch, request: str
) -> Iterator[tuple[Held, LiveServer]]:
    """A server whose engine does not answer this request."""
    with held(find_engine(os.environ), folder, request) as found:
        monkeypatch.setenv("DOCKER_HOST", found.address)
        server = LiveServer(engine, folder / "data")
        try:
            yield found, server
        finally:
            server.discard()


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("request_", [VERSION, SWEEP], ids=["version", "sweep"])
def test_a_signal_gives_up_a_start_that_hangs(
    engine: docker.DockerClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    request_: str,
    number: signal.Signals,
) -> None:
    with hanging(engine, tmp_path, monkeypatch, request_) as (request, server):
        server.begin()
        assert request.met.wait(LIMIT)

        server.send(number)

        assert server.ended(SOON) == 128 + number
        assert "the start is given up" in server.log
        assert "Traceback" not in server.log


def test_a_start_that_is_given_up_leaves_no_folder_that_is_for_it_alone(
    engine: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hanging(engine, tmp_path, monkeypatch, SWEEP) as (request, server):
        server.variables[EPHEMERAL] = "1"
        server.begin()
        assert request.met.wait(LIMIT)
        assert server.data.exists()

        server.send(signal.SIGTERM)

        assert server.ended(SOON) == 128 + signal.SIGTERM
        assert not server.data.exists()


@pytest.mark.usefixtures("images")
def test_a_second_signal_ends_a_server_whose_engine_hangs_and_no_container_is_left(
    engine: docker.DockerClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hanging(engine, tmp_path, monkeypatch, START) as (request, server):
        service = server.start().service
        task = service.create(service.deploy("sleeper", source("sleeper")), {"seconds": 0})
        assert request.met.wait(LIMIT)

        server.send(signal.SIGINT)
        eventually(lambda: "running tasks may finish" in server.log, "the first is heard")
        server.send(signal.SIGINT)

        assert server.ended(SOON) == 128 + signal.SIGINT
        request.released.set()
        eventually(lambda: not server.containers(), "its reaper has removed all")
        server.start()  # the task had not begun
        (ended,) = server.service.finish([task])
        assert ended["status"] == "complete"
        assert ask("GET", f"{server.service.url}/health").json()["troubles"] == []


def test_a_second_signal_ends_what_runs_in_order(start_server: StartServer) -> None:
    server = start_server("--stop-grace", "120")
    service = server.service
    sleeper = service.deploy("sleeper", source("sleeper"))
    task = service.create(sleeper, {"seconds": 60})
    service.reach(task, "inProgress")

    server.send(signal.SIGINT)
    eventually(lambda: "running tasks may finish" in server.log, "the first is heard")
    server.send(signal.SIGINT)

    assert server.ended(SOON) in (0, 128 + signal.SIGINT)
    eventually(lambda: not server.containers(), "nothing is left")


def test_a_server_whose_data_folder_is_deleted_ends_and_says_why(
    start_server: StartServer,
) -> None:
    server = start_server()
    sleeper = server.service.deploy("sleeper", source("sleeper"))
    server.service.execute(sleeper, {"seconds": 0})
    containers = server.containers()
    assert containers

    shutil.rmtree(server.data, ignore_errors=True)

    assert server.ended(LIMIT) == 1
    assert "was removed or moved away while the server ran" in server.log
    assert "Traceback" not in server.log
    eventually(lambda: not server.remain(containers), "its containers are removed")


def test_a_closed_terminal_stops_a_server_in_order(start_server: StartServer) -> None:
    server = start_server()

    server.send(signal.SIGHUP)

    assert server.ended(SOON * 3) == 0
