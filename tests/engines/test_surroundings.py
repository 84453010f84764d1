"""Surroundings in which no function can run: made so, and what the user is told there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engines.conftest import StartEngine
from tests.engines.demo import shown
from tests.engines.rows import record
from tests.support.live import REPOSITORY
from tests.support.own_engine import OwnEngine

pytestmark = pytest.mark.docker

SAMPLE = REPOSITORY / "sample_functions" / "hello-world-python"


def firewall(verdict: str) -> Callable[[OwnEngine], None]:
    """A rule that only packets from the bridge meet, in the engine's own network."""

    def keep_out(engine: OwnEngine) -> None:
        rule = ("--insert", "INPUT", "--in-interface", "docker0", "--jump", verdict)
        ruled = engine.run("iptables", *rule)
        assert ruled.returncode == 0, ruled.stdout

    return keep_out


@dataclass(frozen=True)
class Broken:
    row: str
    met: str
    reason: str
    remedy: str
    options: tuple[str, ...] = ()
    breaks: Callable[[OwnEngine], None] = lambda _: None
    network: bool = True
    """Whether taskdock is in the engine's network."""


BROKEN = [
    Broken(
        "firewall drops",
        met="172.17.0.1, port {port}, and met: no answer in time",
        reason="A firewall of this machine probably keeps out",
        remedy="sudo iptables -I INPUT -i docker0 -j ACCEPT",
        breaks=firewall("DROP"),
    ),
    Broken(
        "firewall rejects",
        met="172.17.0.1, port {port}, and met: connection refused",
        reason="A firewall of this machine probably keeps out",
        remedy="sudo iptables -I INPUT -i docker0 -j ACCEPT",
        breaks=firewall("REJECT"),
    ),
    Broken(
        "another network",
        met="port {port}, and met: connection refused",
        reason="in another network than this machine's",
        remedy="",  # it depends on whether this machine has a bridge of that name too
        network=False,
    ),
    Broken(
        "no bridge",
        met="",
        reason='its network named "bridge" is switched off',
        remedy='remove "bridge": "none" from /etc/docker/daemon.json',
        options=("--bridge=none",),
    ),
]


@pytest.mark.parametrize("broken", BROKEN, ids=[broken.row for broken in BROKEN])
def test_who_runs_a_function_is_told_what_is_broken_and_how_to_mend_it(
    start_engine: StartEngine, python_image: Path, broken: Broken
) -> None:
    engine = start_engine(*broken.options)
    engine.load(python_image)
    broken.breaks(engine)

    with engine.serving(network=broken.network) as server:
        assert server.url, server.output
        at = {"url": server.url, "network": broken.network}
        engine.taskdock("deploy", str(SAMPLE), **at)
        ran = engine.taskdock("run", "hello-world-python", **at)

    told = ran.stdout
    port = server.url.rpartition(":")[2]
    assert ran.returncode != 0, shown(told)
    assert "containers cannot reach this server" in told, shown(told)
    assert broken.met.format(port=port) in told, shown(told)
    assert broken.reason in told, shown(told)
    assert broken.remedy in told, shown(told)
    assert server.code == 0, shown(server.output)
    assert "Traceback" not in told + server.output, shown(server.output)
    assert broken.reason in server.output, shown(server.output)
    record(broken.row, f"Docker {engine.version}", f"told: {broken.reason}")
