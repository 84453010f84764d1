"""What a container met, and what is said of it."""

from __future__ import annotations

import pytest

from emulator.engines import reach, remedies
from emulator.engines.facts import EngineFacts, Kind, NetworkFacts
from emulator.engines.reach import Attempt, Call, Met
from emulator.engines.remedies import Surroundings
from emulator.engines.ways import ENGINES_OWN, LOOPBACK, Way

NEAR = Way("172.17.0.1", "172.17.0.1")
FAR = Way(LOOPBACK, ENGINES_OWN)
DOCKER = EngineFacts(kind=Kind.DOCKER)
BRIDGE = NetworkFacts(gateways=("172.17.0.1",), subnets=("172.17.0.0/16",), interface="docker0")
HERE = Surroundings()


@pytest.mark.parametrize(
    ("words", "met"),
    [
        ("HTTP/1.1 200 OK", Met.ANSWER),
        ("HTTP/1.1 404 Not Found", Met.SOMEBODY_ELSE),
        ("HTTP/1.0 200 OK", Met.SOMEBODY_ELSE),
        ("", Met.SOMEBODY_ELSE),
        ("nc: can't connect to remote host (172.17.0.1): Connection refused", Met.REFUSED),
        ("nc: can't connect to remote host (172.17.0.1): No route to host", Met.NO_ROUTE),
        ("nc: can't connect to remote host (172.17.0.1): Host is unreachable", Met.NO_ROUTE),
        ("nc: timed out", Met.TIMED_OUT),
        ("nc: can't connect to remote host (172.17.0.1): Connection timed out", Met.TIMED_OUT),
        ("nc: can't connect to remote host (1.2.3.4): Network is unreachable", Met.NO_NETWORK),
        ("nc: bad address 'host-gateway'", Met.OTHER),
    ],
)
def test_words_tell_what_was_met(words: str, met: Met) -> None:
    (attempt,) = reach.read(f"taskdock 0 8080 {words}\n", [NEAR])

    assert attempt == Attempt(way=NEAR, port=8080, met=met, words=words)


def test_lines_that_are_not_the_scripts_are_passed_over() -> None:
    printed = "WARNING: something\ntaskdock x 1\ntaskdock 7 1 HTTP/1.1 200 OK\ntaskdock 0\n"

    assert reach.read(printed, [NEAR]) == ()


def test_each_call_is_made_by_each_way() -> None:
    calls = [
        Call(port=1, path="/ping", host="a.lambda"),
        Call(port=2, path="/health", host="b"),
    ]

    assert reach.arguments([NEAR, FAR], calls) == [
        *("0", "172.17.0.1", "1", "/ping", "a.lambda"),
        *("0", "172.17.0.1", "2", "/health", "b"),
        *("1", "host-gateway", "1", "/ping", "a.lambda"),
        *("1", "host-gateway", "2", "/health", "b"),
    ]


def test_the_best_way_is_the_first_by_which_all_was_answered() -> None:
    attempts = [
        Attempt(way=NEAR, port=1, met=Met.ANSWER),
        Attempt(way=NEAR, port=2, met=Met.REFUSED),
        Attempt(way=FAR, port=1, met=Met.ANSWER),
        Attempt(way=FAR, port=2, met=Met.ANSWER),
    ]

    assert reach.best([NEAR, FAR], attempts) == FAR
    assert reach.best([NEAR, FAR], attempts[:2]) is None
    assert reach.best([NEAR, FAR], []) is None


def _explained(
    met: Met,
    *,
    way: Way = NEAR,
    engine: EngineFacts = DOCKER,
    network: NetworkFacts | None = BRIDGE,
    around: Surroundings = HERE,
) -> tuple[str, str]:
    attempts = [Attempt(way=way, port=4000, met=met)]
    fault, steps = remedies.explain(attempts, engine, network, around)
    return fault, "\n".join(steps)


@pytest.mark.parametrize("met", [Met.TIMED_OUT, Met.NO_ROUTE, Met.REFUSED])
def test_silence_at_an_address_of_ours_is_a_firewall(met: Met) -> None:
    fault, steps = _explained(met)

    assert fault.startswith(f"a container called 172.17.0.1, port 4000, and met: {met.value}. ")
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
    _, steps = _explained(Met.TIMED_OUT, around=Surroundings(firewall=firewall))

    assert command in steps


def test_the_interface_is_the_networks_own() -> None:
    network = NetworkFacts(subnets=("10.88.0.0/16",), interface="podman0")

    _, steps = _explained(Met.TIMED_OUT, network=network)

    assert "-i podman0 " in steps


def test_a_rootless_engine_has_to_be_told_to_let_containers_out() -> None:
    way = Way(LOOPBACK, "10.0.2.2")

    fault, steps = _explained(Met.REFUSED, way=way, engine=EngineFacts(kind=Kind.ROOTLESS_DOCKER))

    assert "rootless" in fault
    assert "ROOTLESSKIT_DISABLE_HOST_LOOPBACK=false" in steps


def test_rootless_podman_is_told_apart() -> None:
    fault, steps = _explained(Met.REFUSED, way=FAR, engine=EngineFacts(kind=Kind.ROOTLESS_PODMAN))

    assert "rootless" in fault
    assert "podman" in steps


def test_an_engine_in_another_network_is_named() -> None:
    fault, steps = _explained(Met.REFUSED, way=FAR)

    assert "another network" in fault
    assert "DOCKER_HOST" in steps


def test_a_taskdock_in_a_container_is_told_to_join_the_network() -> None:
    fault, steps = _explained(Met.REFUSED, way=FAR, around=Surroundings(in_container=True))

    assert "in a container" in fault
    assert "docker network connect bridge" in steps


@pytest.mark.parametrize(
    ("met", "network"), [(Met.NO_NETWORK, BRIDGE), (Met.REFUSED, None)], ids=["none", "unknown"]
)
def test_no_network_is_a_setting_of_the_engines(met: Met, network: NetworkFacts | None) -> None:
    fault, steps = _explained(met, network=network)

    assert '"bridge": "none"' in fault
    assert "daemon.json" in steps


def test_another_server_at_the_address_is_named() -> None:
    fault, _ = _explained(Met.SOMEBODY_ELSE)

    assert "Something else answers there" in fault


def test_what_nobody_expected_is_told_in_its_own_words() -> None:
    attempt = Attempt(way=NEAR, port=1, met=Met.OTHER, words="nc: weird")

    fault, _ = remedies.explain([attempt], DOCKER, BRIDGE, HERE)

    assert "something unexpected (nc: weird)" in fault
