"""Fixtures: a running server on a FakeEngine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from taskdock.store.database import Store
from taskdock.testing.clock import ManualClock
from tests.support import registry
from tests.support.aws import echo, lambda_client
from tests.support.builders import Dock, StartDock
from tests.support.piped import Piped, StartPiped

StopLater = Callable[[Dock], None]


@pytest.fixture(scope="session")
def stop_later() -> Iterator[StopLater]:
    """Stops a server while the next test begins: most of a stop is waiting.

    One that fails is told of by the first test that ends after it.
    """
    stops: list[Future[None]] = []

    def stop(dock: Dock) -> None:
        stops.append(executor.submit(dock.stop))
        for ended in [each for each in stops if each.done()]:
            stops.remove(ended)
            ended.result()

    with ThreadPoolExecutor(4, "stopping") as executor:
        yield stop
    for last in stops:
        last.result()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "tasks.db")
    yield store
    store.close()


@pytest.fixture
def start_dock(tmp_path: Path, stop_later: StopLater) -> Iterator[StartDock]:
    """Starts a server with settings of the test's; each is stopped at the end."""
    started: list[Dock] = []

    def start(**settings: Any) -> Dock:
        started.append(Dock(tmp_path / "data", **settings))
        return started[-1]

    yield start
    for dock in started:
        stop_later(dock)


@pytest.fixture
def dock(start_dock: StartDock) -> Dock:
    return start_dock()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, stop_later: StopLater) -> Iterator[Dock]:
    """One server for all tests of a module that leave nothing behind: refusals, mostly."""
    dock = Dock(tmp_path_factory.mktemp("shared"))
    yield dock
    stop_later(dock)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def timed_dock(start_dock: StartDock, clock: ManualClock) -> Dock:
    """A server whose time stands still until it is told to pass."""
    return start_dock(clock=clock)


@pytest.fixture
def free_port() -> int:
    """A port of this machine, for a server that comes again at the same address."""
    return registry.free_port()


@pytest.fixture
def piped() -> Iterator[StartPiped]:
    """Starts commands that go on; each is ended with the test."""
    started: list[Piped] = []

    def start(url: str, *words: str) -> Piped:
        started.append(Piped(*words, "--url", url))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def aws(dock: Dock) -> Iterator[Any]:
    client = lambda_client(dock.emulator.url)
    yield client
    client.close()


@pytest.fixture(scope="module")
def shared_aws(shared: Dock) -> Iterator[Any]:
    """A client for refusals, and one function that answers with its event."""
    shared.deploy(echo)
    client = lambda_client(shared.emulator.url)
    yield client
    client.close()
