"""How many connections one container may hold: it shall not keep its neighbours out.

Peers are told apart by their address. What comes from loopback is not limited: callers on this
machine do, and all containers do where the engine's machine is another one (Docker Desktop).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

MAX_CONNECTIONS = 64
"""To each listener. Runtime clients hold one; the public listener has as many threads."""


def is_crowded(peer: str, others: Iterable[str]) -> bool:
    """Whether `peer` holds all the connections that it may, by the addresses of all others."""
    if ipaddress.ip_address(peer.partition("%")[0]).is_loopback:
        return False
    return sum(other == peer for other in others) >= MAX_CONNECTIONS
