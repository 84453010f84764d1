"""Engines whose network says nothing true: functions run there all the same, and call back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.engines.calls import HELLO, SAMPLES, call_back, succeed
from tests.engines.conftest import StartEngine
from tests.engines.demo import shown
from tests.engines.rows import record
from tests.support.own_engine import OwnEngine

pytestmark = [pytest.mark.docker, pytest.mark.long]

TCP = "tcp://127.0.0.1:2375"


def firewall(verdict: str) -> Callable[[OwnEngine], None]:
    """A rule that only packets from the bridge meet, in the engine's own network."""

    def keep_out(engine: OwnEngine) -> None:
        rule = ("--insert", "INPUT", "--in-interface", "docker0", "--jump", verdict)
        ruled = engine.run("iptables", *rule)
        assert ruled.returncode == 0, ruled.stdout

    return keep_out


@dataclass(frozen=True)
class Surrounding:
    row: str
    options: tuple[str, ...] = ()
    breaks: Callable[[OwnEngine], None] = lambda _: None
    network: bool = True
    """Whether taskdock is in the engine's network."""
    environment: Mapping[str, str] = field(default_factory=dict)


SURROUNDINGS = [
    Surrounding("host-gateway-ip", options=("--host-gateway-ip=10.1.2.3",)),
    Surrounding("another bridge", options=("--bip=10.99.7.1/24",)),
    Surrounding("firewall drops", breaks=firewall("DROP")),
    Surrounding("firewall rejects", breaks=firewall("REJECT")),
    Surrounding("another network", network=False),
    Surrounding("no bridge", options=("--bridge=none",)),
    Surrounding("TCP", options=(f"--host={TCP}",), environment={"DOCKER_HOST": TCP}),
]


@pytest.mark.parametrize("surrounding", SURROUNDINGS, ids=[each.row for each in SURROUNDINGS])
def test_functions_run_and_call_the_task_service_whatever_the_engines_network_says(
    start_engine: StartEngine,
    python_image: Path,
    node_image: Path,
    sdk_sample: Path,
    surrounding: Surrounding,
) -> None:
    engine = start_engine(*surrounding.options)
    engine.load(python_image, node_image)
    surrounding.breaks(engine)

    with engine.serving(network=surrounding.network, environment=surrounding.environment) as server:
        assert server.url, shown(server.output)
        for sample in (SAMPLES / HELLO, sdk_sample):
            words = ("deploy", str(sample))
            succeed(engine, server.url, *words, network=surrounding.network)
        call_back(engine, server.url, network=surrounding.network)

    assert server.code == 0, shown(server.output)
    assert "Traceback" not in server.output, shown(server.output)
    record(surrounding.row, engine.name, "works: the Runtime API, API_HOST, the SDK inside")
