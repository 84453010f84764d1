"""Why containers do not reach this machine, and what mends it."""

from __future__ import annotations

import pytest

from emulator.engines import remedies
from emulator.engines.facts import EngineFacts, Kind, NetworkFacts
from emulator.engines.remedies import Surroundings
from emulator.engines.ways import ENGINES_OWN, LOOPBACK, Way

NEAR, FAR = Way("172.17.0.1", "172.17.0.1"), Way(LOOPBACK, ENGINES_OWN)
SLIRP = Way(LOOPBACK, "10.0.2.2")
DOCKER = EngineFacts(kind=Kind.DOCKER)
BRIDGE = NetworkFacts(gateways=("172.17.0.1",), subnets=("172.17.0.0/16",), interface="docker0")
HERE = Surroundings(firewall="iptables")
ENONET, ENETUNREACH, ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH = 100, 101, 110, 111, 113  # Linux's


def explained(
    errno: int,
    *ways: Way,
    engine: EngineFacts = DOCKER,
    network: NetworkFacts | None = BRIDGE,
    around: Surroundings = HERE,
) -> tuple[str, str]:
    fault, steps = remedies.explain(errno, ways or (NEAR,), engine, network, around)
    return fault, "\n".join(steps)


@pytest.mark.parametrize(
    ("errno", "met"),
    [
        (ETIMEDOUT, "no answer in time"),
        (EHOSTUNREACH, "no route to it"),
        (ECONNREFUSED, "connection refused"),
    ],
)
def test_silence_at_an_address_of_ours_is_a_firewall(errno: int, met: str) -> None:
    fault, steps = explained(errno)

    assert fault.startswith(f"a container called 172.17.0.1, and met: {met}. ")
    assert "firewall" in fault
    assert "iptables -I INPUT -i docker0 -j ACCEPT" in steps


@pytest.mark.parametrize(
    ("firewall", "command"),
    [
        ("ufw", "sudo ufw allow in on docker0"),
        ("firewalld", "sudo firewall-cmd --permanent --zone=trusted --add-interface=docker0"),
        ("nft", "sudo nft list ruleset"),
        ("iptables", "sudo iptables -L INPUT -v -n"),
        ("", "sudo iptables -L INPUT -v -n"),
    ],
)
def test_the_command_is_for_the_firewall_that_is_here(firewall: str, command: str) -> None:
    _, steps = explained(ETIMEDOUT, around=Surroundings(firewall=firewall))

    assert command in steps


def test_the_interface_is_the_networks_own() -> None:
    network = NetworkFacts(subnets=("10.88.0.0/16",), interface="podman0")

    _, steps = explained(ETIMEDOUT, network=network)

    assert "-i podman0 " in steps


def test_a_rootless_engine_has_to_be_told_to_let_containers_out() -> None:
    rootless = EngineFacts(kind=Kind.ROOTLESS_DOCKER)

    fault, steps = explained(ECONNREFUSED, SLIRP, FAR, engine=rootless)

    assert "rootless" in fault
    assert "ROOTLESSKIT_DISABLE_HOST_LOOPBACK=false" in steps


def test_rootless_podman_is_told_apart() -> None:
    fault, steps = explained(ECONNREFUSED, FAR, engine=EngineFacts(kind=Kind.ROOTLESS_PODMAN))

    assert "rootless" in fault
    assert "podman" in steps


def test_an_engine_in_another_network_is_named() -> None:
    fault, steps = explained(ECONNREFUSED, FAR)

    assert "another network" in fault
    assert "DOCKER_HOST" in steps


def test_a_taskdock_in_a_container_is_told_to_join_the_network() -> None:
    fault, steps = explained(ECONNREFUSED, FAR, around=Surroundings(in_container=True))

    assert "in a container" in fault
    assert "docker network connect bridge" in steps


@pytest.mark.parametrize(
    ("errno", "network"),
    [(ENONET, BRIDGE), (ENETUNREACH, BRIDGE), (ECONNREFUSED, None)],
    ids=["none", "unreachable", "unknown"],
)
def test_no_network_is_a_setting_of_the_engines(errno: int, network: NetworkFacts | None) -> None:
    fault, steps = explained(errno, network=network)

    assert '"bridge": "none"' in fault
    assert "daemon.json" in steps


def test_all_ways_that_were_tried_are_named() -> None:
    fault, _ = explained(ECONNREFUSED, SLIRP, FAR)

    assert fault.startswith(
        "a container called 10.0.2.2 and this machine's address, as the engine has it"
        " (host-gateway), and met: connection refused. "
    )


@pytest.mark.parametrize("errno", [0, 13, 71, 137])
def test_what_nobody_expected_is_told_by_its_number(errno: int) -> None:
    fault, _ = explained(errno)

    assert f"something unexpected (error {errno}). " in fault
