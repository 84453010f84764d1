"""Live servers for the tests: one that many share, others for tests that disturb."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from taskdock.engines.docker.locate import find_engine
from tests.support.live import CommandLine, LiveServer, TaskService, make_images

StartServer = Callable[..., LiveServer]

_LOG_TAIL = 100  # lines
_servers: list[LiveServer] = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[Any]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed and item.get_closest_marker("docker"):
        for server in _servers:
            tail = "".join(server.output[-_LOG_TAIL:])
            report.sections.append((f"log of the server on {server.data}", tail))
    return report


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    engine = docker.DockerClient(base_url=find_engine(os.environ))
    yield engine
    engine.close()


@pytest.fixture(scope="session")
def images() -> None:
    """The images that most tests need are there, so that none of them waits for their making."""
    make_images("python3.11", "nodejs20.x", "provided.al2023")


@pytest.fixture(scope="session")
def server(
    engine: docker.DockerClient, images: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LiveServer]:
    """Shared: a test leaves it as busy as it was, and uses function names of its own."""
    with _Serving() as serving:
        yield serving.start(engine, tmp_path_factory.mktemp("shared") / "data")


@pytest.fixture
def service(server: LiveServer) -> TaskService:
    return server.service


@pytest.fixture
def start_server(
    engine: docker.DockerClient, images: None, tmp_path: Path
) -> Iterator[StartServer]:
    """Starts a server of the test's own; its options are those of `taskdock serve`."""
    with _Serving() as serving:
        yield lambda *options: serving.start(engine, tmp_path / "data", *options)


@pytest.fixture
def taskdock(server: LiveServer, tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path, server.service.url)


class _Serving:
    """Servers that have to end well, or at least to end."""

    def __init__(self) -> None:
        self._started: list[LiveServer] = []

    def start(self, engine: docker.DockerClient, data: Path, *options: str) -> LiveServer:
        server = LiveServer(engine, data, *options)
        self._started.append(server)
        _servers.append(server)
        return server.start()

    def __enter__(self) -> _Serving:
        return self

    def __exit__(self, *_: object) -> None:
        try:
            for server in self._started:
                if server.runs:
                    server.stop()
        finally:
            for server in self._started:
                server.discard()
                _servers.remove(server)
