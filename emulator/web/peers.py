"""How many connections one peer may hold: it shall not keep its neighbours out.

Containers are told apart by their doors, others by their address. Loopback is not limited: callers
on this machine come from there.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass

MAX_CONNECTIONS = 64
"""To each listener. Runtime clients hold one; the public listener has as many threads."""
MAX_OF_A_FUNCTION = 4 * MAX_CONNECTIONS
"""All its containers together, but for these of each: there may be more containers than that."""
A_FEW = 4


@dataclass(frozen=True)
class Peer:
    """Who holds a connection."""

    address: str
    """"": a container by its door."""
    port: int = 0
    environment: str = ""
    function: str = ""
    deployers: tuple[str, ...] = ()
    """Whose work the function is that runs there: ids of users."""


def is_crowded(peer: Peer, others: Sequence[Peer]) -> bool:
    """Whether `peer` holds all the connections that it may, by those of all others."""
    if not peer.address:
        own = sum(other.environment == peer.environment for other in others)
        if own < A_FEW:
            return False
        all_of_it = sum(other.function == peer.function != "" for other in others)
        return own >= MAX_CONNECTIONS or all_of_it >= MAX_OF_A_FUNCTION
    if ipaddress.ip_address(peer.address.partition("%")[0]).is_loopback:
        return False
    return sum(other.address == peer.address for other in others) >= MAX_CONNECTIONS
