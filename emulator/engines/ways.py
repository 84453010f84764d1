"""Ways from a container to this machine: which addresses may lead here. Only `own` looks.

An engine does not say, or says wrongly, by which address its containers reach this machine; so
these are candidates, in the order of their likelihood, and a container tries them where its door is
TCP (`passages.py`).
"""

from __future__ import annotations

import contextlib
import fcntl
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from emulator.engines.facts import EngineFacts, Kind, NetworkFacts

ENGINES_OWN = "host-gateway"
"""For Docker and Podman to replace, in a host name's entry, by what they think leads here."""
LOOPBACK = "127.0.0.1"
_GET_ADDRESS = 0x8915  # SIOCGIFADDR, see netdevice(7)
_SLIRP_HOST = "10.0.2.2"  # this machine's loopback to slirp4netns, if it was told to show it


@dataclass(frozen=True)
class Way:
    listen: str
    """An address of this machine."""
    reach: str
    """The address that leads there from within a container, or `ENGINES_OWN`."""


def ways(
    engine: EngineFacts, network: NetworkFacts | None, own: Mapping[str, str]
) -> tuple[Way, ...]:
    """At least one. `network`: None when the engine has no such network; `own`: this machine's
    IPv4 addresses by interface."""
    if network is None:
        return (Way(LOOPBACK, ENGINES_OWN),)
    near = _near(network, own)
    if near and not engine.kind.is_rootless:
        return tuple(Way(address, address) for address in near)
    if engine.kind is Kind.ROOTLESS_DOCKER:
        return Way(LOOPBACK, _SLIRP_HOST), Way(LOOPBACK, ENGINES_OWN)
    return (Way(LOOPBACK, ENGINES_OWN),)


def _near(network: NetworkFacts, own: Mapping[str, str]) -> list[str]:
    """Addresses of this machine that are in the containers' network, each once."""
    subnets = [ip_network(subnet, strict=False) for subnet in network.subnets]
    candidates = [gateway for gateway in network.gateways if gateway in own.values()]
    if network.interface in own:
        candidates.append(own[network.interface])
    # Where this process is in a container of that network, there is neither of these.
    inside = [a for a in own.values() if any(ip_address(a) in subnet for subnet in subnets)]
    return list(dict.fromkeys(candidates or inside))


def own() -> dict[str, str]:
    """This machine's IPv4 addresses by interface; empty where the system does not tell."""
    addresses = {}
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any:
        for _, interface in socket.if_nameindex():
            with contextlib.suppress(OSError):
                addresses[interface] = _address_of(interface, any.fileno())
    return addresses


def _address_of(interface: str, descriptor: int) -> str:
    request = struct.pack("256s", interface.encode()[:15])
    return socket.inet_ntoa(fcntl.ioctl(descriptor, _GET_ADDRESS, request)[20:24])
