"""Why containers do not reach this machine, and the commands that mend it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from emulator.engines.facts import EngineFacts, Kind, NetworkFacts
from emulator.engines.ways import ENGINES_OWN, Way


@dataclass(frozen=True, kw_only=True)
class Surroundings:
    """What is known of this machine, for the likely reason."""

    firewall: str = ""  # the program that manages one here: ufw, firewalld, nft, iptables
    in_container: bool = False  # this process


class Met(str, Enum):
    """What a container met when it called, as its launcher's exit code tells it."""

    REFUSED = "connection refused"
    NO_ROUTE = "no route to it"
    TIMED_OUT = "no answer in time"
    NO_NETWORK = "no network"
    OTHER = "something unexpected"


_ERRNOS = {
    100: Met.NO_NETWORK,  # Linux's numbers, wherever this runs
    101: Met.NO_NETWORK,
    110: Met.TIMED_OUT,
    111: Met.REFUSED,
    113: Met.NO_ROUTE,
}


def explain(
    errno: int,
    ways: Sequence[Way],
    engine: EngineFacts,
    network: NetworkFacts | None,
    around: Surroundings,
) -> tuple[str, tuple[str, ...]]:
    """The fault and its remedies, where none of these ways led here. `errno`: what a container met
    by the last of them, Linux's number."""
    met = _ERRNOS.get(errno, Met.OTHER)
    unexpected = f" (error {errno})" if met is Met.OTHER else ""
    where = " and ".join(map(_named, ways))
    reason, remedies = _reason(met, ways, engine, network, around)
    return f"a container called {where}, and met: {met.value}{unexpected}. {reason}", remedies


def _named(way: Way) -> str:
    if way.reach == ENGINES_OWN:
        return "this machine's address, as the engine has it (host-gateway)"
    return way.reach


def _reason(
    met: Met,
    ways: Sequence[Way],
    engine: EngineFacts,
    network: NetworkFacts | None,
    around: Surroundings,
) -> tuple[str, tuple[str, ...]]:
    if network is None or met is Met.NO_NETWORK:
        return NO_BRIDGE
    if engine.kind in _ROOTLESS:
        return _ROOTLESS[engine.kind]
    if any(way.reach == ENGINES_OWN for way in ways):
        return _IN_CONTAINER if around.in_container else _ELSEWHERE
    interface = network.interface or "docker0"
    return (
        f"A firewall of this machine probably keeps out what comes from the engine's network"
        f" ({interface}), or the engine runs in another network than this machine's",
        _OPEN.get(around.firewall, _OPEN[""])(interface, *network.subnets),
    )


NO_BRIDGE: tuple[str, tuple[str, ...]] = (
    'The engine gives containers no network: its network named "bridge" is switched off'
    ' ("bridge": "none")',
    (
        'remove "bridge": "none" from /etc/docker/daemon.json (or --bridge=none from dockerd\'s'
        " options), then restart the engine: sudo systemctl restart docker",
    ),
)
_DROP_IN = "~/.config/systemd/user/docker.service.d"
_ALLOW = "DOCKERD_ROOTLESS_ROOTLESSKIT_DISABLE_HOST_LOOPBACK=false"
_ROOTLESS_DOCKER = (
    "A rootless engine has a network of its own, and its containers reach this machine only when"
    " it is told to let them",
    (
        f"mkdir -p {_DROP_IN}",
        f"printf '[Service]\\nEnvironment={_ALLOW}\\n' > {_DROP_IN}/taskdock.conf",
        "systemctl --user daemon-reload && systemctl --user restart docker",
    ),
)
_ROOTLESS_PODMAN = (
    "A rootless engine has a network of its own, and its containers do not reach this machine's"
    " loopback",
    ("use an engine that root runs: sudo systemctl start podman.socket",),
)
_ROOTLESS = {Kind.ROOTLESS_DOCKER: _ROOTLESS_DOCKER, Kind.ROOTLESS_PODMAN: _ROOTLESS_PODMAN}
_IN_CONTAINER = (
    "This taskdock runs in a container that is not in the network of those that the engine"
    ' makes ("bridge")',
    ("docker network connect bridge $(hostname)", "or start this container with --network host"),
)
_ELSEWHERE = (
    "The engine seems to run in another network than this machine's (in a container, in a virtual"
    " machine, or rootless), where that address is not this machine",
    ("run taskdock where the engine runs, or set DOCKER_HOST to an engine of this machine",),
)


def _ufw(interface: str, *_: str) -> tuple[str, ...]:
    return (f"sudo ufw allow in on {interface}",)


def _firewalld(interface: str, *_: str) -> tuple[str, ...]:
    return (
        f"sudo firewall-cmd --permanent --zone=trusted --add-interface={interface}",
        "sudo firewall-cmd --reload",
    )


def _nft(interface: str, *_: str) -> tuple[str, ...]:
    return (
        f"sudo iptables -I INPUT -i {interface} -j ACCEPT",
        "or look for the rule that drops it: sudo nft list ruleset",
    )


def _iptables(interface: str, *_: str) -> tuple[str, ...]:
    return (
        f"sudo iptables -I INPUT -i {interface} -j ACCEPT",
        "or look for the rule that drops it: sudo iptables -L INPUT -v -n",
    )


_OPEN = {"ufw": _ufw, "firewalld": _firewalld, "nft": _nft, "iptables": _iptables, "": _iptables}
