"""Which addresses may lead from a container to this machine."""

from __future__ import annotations

import pytest

from emulator.engines.facts import EngineFacts, Kind, NetworkFacts
from emulator.engines.ways import ENGINES_OWN, LOOPBACK, Way, own, ways

DOCKER = EngineFacts(kind=Kind.DOCKER)
BRIDGE = NetworkFacts(gateways=("172.17.0.1",), subnets=("172.17.0.0/16",), interface="docker0")


def test_the_gateway_is_the_way_where_this_machine_has_it() -> None:
    found = ways(DOCKER, BRIDGE, {"lo": "127.0.0.1", "docker0": "172.17.0.1"})

    assert found == (Way("172.17.0.1", "172.17.0.1"),)


def test_without_a_gateway_the_interface_tells() -> None:
    network = NetworkFacts(subnets=("172.17.0.0/16",), interface="docker0")

    found = ways(DOCKER, network, {"lo": "127.0.0.1", "docker0": "172.17.0.1"})

    assert found == (Way("172.17.0.1", "172.17.0.1"),)


def test_without_gateway_and_interface_an_address_in_the_subnet_is_a_way() -> None:
    network = NetworkFacts(subnets=("172.17.0.0/16",))

    found = ways(DOCKER, network, {"eth0": "10.0.0.7", "br-lan": "172.17.0.1"})

    assert found == (Way("172.17.0.1", "172.17.0.1"),)


def test_from_within_a_container_of_that_network_its_own_address_is_the_way() -> None:
    found = ways(DOCKER, BRIDGE, {"lo": "127.0.0.1", "eth0": "172.17.0.5"})

    assert found == (Way("172.17.0.5", "172.17.0.5"),)


def test_other_addresses_in_the_subnet_are_not_opened_where_the_gateway_is_here() -> None:
    found = ways(DOCKER, BRIDGE, {"docker0": "172.17.0.1", "wlan0": "172.17.9.9"})

    assert found == (Way("172.17.0.1", "172.17.0.1"),)


def test_what_differs_is_tried_in_turn() -> None:
    found = ways(DOCKER, BRIDGE, {"docker0": "172.18.0.1", "other": "172.17.0.1"})

    assert found == (Way("172.17.0.1", "172.17.0.1"), Way("172.18.0.1", "172.18.0.1"))


@pytest.mark.parametrize("addresses", [{}, {"eth0": "10.0.0.7"}])
def test_an_engine_elsewhere_is_asked_for_the_address(addresses: dict[str, str]) -> None:
    assert ways(DOCKER, BRIDGE, addresses) == (Way(LOOPBACK, ENGINES_OWN),)


def test_a_rootless_engines_gateway_is_not_this_machines_even_if_it_looks_so() -> None:
    rootless = EngineFacts(kind=Kind.ROOTLESS_DOCKER)

    found = ways(rootless, BRIDGE, {"docker0": "172.17.0.1"})

    assert found == (Way(LOOPBACK, "10.0.2.2"), Way(LOOPBACK, ENGINES_OWN))


def test_there_is_a_way_to_try_even_without_a_network() -> None:
    assert ways(DOCKER, None, {"docker0": "172.17.0.1"}) == (Way(LOOPBACK, ENGINES_OWN),)


def test_this_machine_has_loopback() -> None:
    assert LOOPBACK in own().values()
