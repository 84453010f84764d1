"""How a container's door can lead here: which transports there are, in which order, and what they
say of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from taskdock.base.timing.reactor import Reactor
from taskdock.engines.docker.transports import transports
from taskdock.engines.docker.transports.paths import EnginePaths
from taskdock.engines.docker.transports.routes import ENGINES_OWN, LOOPBACK, Route
from taskdock.engines.docker.transports.transports import (
    HOST,
    NetworkTransport,
    SocketTransport,
    usual_transports,
)
from taskdock.engines.launcher.callers import callers
from taskdock.engines.launcher.doors import Doors

SAME = EnginePaths(None)
NEAR, FAR = Route(LOOPBACK, "192.0.2.7"), Route(LOOPBACK, ENGINES_OWN)
LOCAL: Any = SimpleNamespace(base_url="http+docker://localhost")


@pytest.fixture(autouse=True)
def this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no container."""
    monkeypatch.setattr(transports, "own_mounts", lambda _: None)


@pytest.fixture
def doors(tmp_path: Path) -> Doors:
    return Doors(tmp_path / "doors", "amd64")


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    reactor = Reactor()
    reactor.start()
    yield reactor
    reactor.stop()


# Which there are


def test_the_socket_is_tried_before_the_network() -> None:
    first, second = usual_transports(LOCAL)

    assert isinstance(first, SocketTransport)
    assert isinstance(second, NetworkTransport)
    assert second.routes == (FAR,)
    assert (first.is_local, second.is_local) == (True, False)


def test_both_know_the_folders_as_the_engine_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transports, "own_mounts", lambda _: ())

    first, second = usual_transports(LOCAL)

    assert first.paths.find(Path("/data")) is None
    assert second.paths is first.paths


def test_of_an_engine_here_only_this_machine_may_call() -> None:
    _, second = usual_transports(LOCAL)

    assert isinstance(second, NetworkTransport)
    assert second.callers.may("127.0.0.1")
    assert not any(map(second.callers.may, ("172.17.0.2", "192.0.2.7", "10.0.0.1", "::1")))


def test_of_an_engine_elsewhere_it_its_containers_and_this_machine_may_call(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(transports, "routes", lambda _: (Route("192.0.2.7", "192.0.2.7"), FAR))
    monkeypatch.setattr(transports, "addresses_of", lambda host: [f"198.51.100.{len(host)}"])
    network = {"IPAM": {"Config": [{"Subnet": "172.30.0.0/16"}]}}
    api: Any = SimpleNamespace(
        base_url="http://engine.example:2375", inspect_network=lambda _: network
    )

    _, second = usual_transports(api, ["203.0.113.0/24"])

    assert isinstance(second, NetworkTransport)
    may = ("127.0.0.1", "192.0.2.7", "198.51.100.14", "172.30.9.9", "203.0.113.8")
    assert all(map(second.callers.may, may))
    assert second.callers.may("::ffff:172.30.9.9")
    may_not = ("192.0.2.8", "198.51.100.15", "172.17.0.2", "203.0.114.1", "::1", "fe80::1%eth0")
    assert not any(map(second.callers.may, may_not))


# Doors


def test_a_socket_needs_no_name_in_the_container(doors: Doors, reactor: Reactor) -> None:
    transport = SocketTransport(SAME)

    door = transport.door(doors, reactor.loop)
    reactor.call(door.close)

    assert door.addresses == ("unix:/dev/taskdock/door",)
    assert transport.hosts == {}
    assert transport.description == "a Unix socket in the data folder"


@pytest.mark.parametrize(
    ("routes", "reaches", "description"),
    [
        ([NEAR], ["192.0.2.7"], "TCP, by 192.0.2.7"),
        ([FAR], [HOST], "TCP, by host-gateway"),
        (
            [NEAR, FAR],
            ["192.0.2.7", HOST],
            "TCP, by 192.0.2.7 or host-gateway",
        ),
    ],
)
def test_a_launcher_is_told_every_way_and_the_engine_the_name_that_it_knows(
    doors: Doors,
    reactor: Reactor,
    routes: list[Route],
    reaches: list[str],
    description: str,
) -> None:
    transport = NetworkTransport(SAME, tuple(routes), callers([]))

    door = transport.door(doors, reactor.loop)
    reactor.call(door.close)

    assert [address.split(":")[:2] for address in door.addresses] == [["tcp", r] for r in reaches]
    assert transport.hosts == ({HOST: ENGINES_OWN} if HOST in reaches else {})
    assert transport.description == description


# What they say of a container that did not come


@pytest.mark.parametrize("errno", [0, 2, 13, 111])
def test_of_the_socket_the_number_is_told(errno: int) -> None:
    assert SocketTransport(SAME).explain(errno) == (
        f"the container did not come by the socket in the data folder (error {errno})"
    )


@pytest.mark.parametrize(
    ("errno", "met"),
    [
        (100, "no network"),
        (101, "no network"),
        (110, "no answer in time"),
        (111, "connection refused"),
        (113, "no route to it"),
        (71, "error 71"),
        (0, "error 0"),
    ],
)
def test_of_the_network_what_was_met_and_what_mends_it_line_by_line(errno: int, met: str) -> None:
    fault, mend, *steps = (
        NetworkTransport(SAME, (NEAR, FAR), callers([])).explain(errno).splitlines()
    )

    assert fault.startswith("containers cannot reach this server: ")
    assert fault.endswith(f" and met: {met}.".replace(" and met", " met"))
    assert "192.0.2.7 and this machine's address, as the engine has it (host-gateway)" in fault
    assert mend == "To mend it:"
    assert any("DOCKER_HOST" in step for step in steps)
    assert all(step.startswith("    ") and step[4] != " " for step in steps)
