"""How a container's door can lead here: which passages there are, in which order, and what they
say of themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from docker.errors import APIError, NotFound

from emulator.engines import passages
from emulator.engines.facts import EngineFacts, Kind, NetworkFacts
from emulator.engines.launcher.door import Doors
from emulator.engines.passages import HOST, ByNetwork, BySocket, usual
from emulator.engines.paths import EnginePaths
from emulator.engines.ways import ENGINES_OWN, LOOPBACK, Way
from emulator.errors import EngineUnreachable
from emulator.reactor import Reactor

DOCKER = EngineFacts(kind=Kind.DOCKER)
BRIDGE = NetworkFacts(gateways=("172.17.0.1",), subnets=("172.17.0.0/16",), interface="docker0")
SAME = EnginePaths(None)
NEAR, FAR = Way(LOOPBACK, "172.17.0.1"), Way(LOOPBACK, ENGINES_OWN)
NETWORK = {"IPAM": {"Config": [{"Subnet": "172.17.0.0/16", "Gateway": "172.17.0.1"}]}}


def by_network(*ways: Way, network: NetworkFacts | None = BRIDGE) -> ByNetwork:
    return ByNetwork(SAME, ways, DOCKER, network)


def api(network: Any) -> Any:
    def inspect_network(name: str) -> Any:
        assert name == "bridge"
        if isinstance(network, Exception):
            raise network
        return network

    return SimpleNamespace(inspect_network=inspect_network)


@pytest.fixture(autouse=True)
def this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no container, and has a bridge."""
    own = {"lo": "127.0.0.1", "docker0": "172.17.0.1"}
    monkeypatch.setattr(passages, "own", lambda: own)
    monkeypatch.setattr(passages, "own_mounts", lambda _: None)


@pytest.fixture
def doors(tmp_path: Path) -> Iterator[Doors]:
    doors = Doors(tmp_path / "doors", "amd64")
    yield doors
    doors.close()


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    reactor = Reactor()
    reactor.start()
    yield reactor
    reactor.stop()


# Which there are


def test_the_socket_is_tried_before_the_network() -> None:
    first, second = usual(api(NETWORK), DOCKER)

    assert isinstance(first, BySocket)
    assert isinstance(second, ByNetwork)
    assert second.ways == (Way("172.17.0.1", "172.17.0.1"),)
    assert (first.is_usual, second.is_usual) == (True, False)


def test_both_know_the_folders_as_the_engine_has_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passages, "own_mounts", lambda _: ())

    first, second = usual(api(NETWORK), DOCKER)

    assert first.paths.find(Path("/data")) is None
    assert second.paths is first.paths


def test_an_engine_without_a_bridge_has_the_same_passages() -> None:
    first, second = usual(api(NotFound("network bridge not found")), DOCKER)

    assert isinstance(first, BySocket)
    assert isinstance(second, ByNetwork)
    assert (second.network, second.ways) == (None, (FAR,))


@pytest.mark.parametrize("fault", [APIError("boom"), requests.ConnectionError("gone")])
def test_an_engine_that_does_not_answer_is_an_error_that_everybody_knows(fault: Exception) -> None:
    with pytest.raises(EngineUnreachable, match=r"does not answer: (boom|gone)"):
        usual(api(fault), DOCKER)


# Doors


def test_a_socket_needs_no_name_in_the_container(doors: Doors, reactor: Reactor) -> None:
    passage = BySocket(SAME)

    door = passage.door(doors, reactor.loop)
    reactor.call(door.close)

    assert door.addresses == ("unix:/dev/taskdock/door",)
    assert passage.hosts == {}
    assert passage.told == "a Unix socket in the data folder"


@pytest.mark.parametrize(
    ("ways", "reaches", "told"),
    [
        ([NEAR], ["172.17.0.1"], "TCP, by 172.17.0.1"),
        ([FAR], [HOST], "TCP, by host-gateway"),
        (
            [NEAR, FAR],
            ["172.17.0.1", HOST],
            "TCP, by 172.17.0.1 or host-gateway",
        ),
    ],
)
def test_a_launcher_is_told_every_way_and_the_engine_the_name_that_it_knows(
    doors: Doors,
    reactor: Reactor,
    ways: list[Way],
    reaches: list[str],
    told: str,
) -> None:
    passage = by_network(*ways)

    door = passage.door(doors, reactor.loop)

    assert [address.split(":")[:2] for address in door.addresses] == [["tcp", r] for r in reaches]
    assert passage.hosts == ({HOST: ENGINES_OWN} if HOST in reaches else {})
    assert passage.told == told


# What they say of a container that did not come


@pytest.mark.parametrize("errno", [0, 2, 13, 111])
def test_of_the_socket_the_number_is_told(errno: int) -> None:
    assert BySocket(SAME).explain(errno) == (
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
        (71, "something unexpected (error 71)"),
        (0, "something unexpected (error 0)"),
    ],
)
def test_of_the_network_what_was_met_and_what_mends_it_line_by_line(errno: int, met: str) -> None:
    fault, mend, *steps = by_network(NEAR).explain(errno).splitlines()

    assert fault.startswith(
        f"containers cannot reach this server: a container called 172.17.0.1, and met: {met}. "
    )
    assert fault.endswith(".")
    assert mend == "To mend it:"
    assert steps
    assert all(step.startswith("    ") and step[4] != " " for step in steps)


def test_an_engine_without_a_bridge_is_why_the_network_leads_nowhere() -> None:
    message = by_network(FAR, network=None).explain(111)

    assert '"bridge": "none"' in message
    assert "daemon.json" in message
