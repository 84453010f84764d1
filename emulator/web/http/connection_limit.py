"""Limits the connections to a listener, of one peer and of all, so that none keeps others out.

A container is known by its door, another peer by its address. Callers on this machine come from
loopback, and have no limit but that for all addresses together.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from taskdock.base.machine import descriptors
from taskdock.base.machine.addresses import is_loopback
from taskdock.base.timing.limits import Limits

MAX_CONNECTIONS = Limits.connections
MAX_OF_A_FUNCTION = Limits.connections_of_function
A_FEW = 4
"""Connections of each container that do not count for its function: there may be more containers
of it than `MAX_OF_A_FUNCTION`."""


@dataclass(frozen=True)
class Peer:
    """The other side of a connection."""

    address: str
    """An IP address; "" for a container, which comes by its door."""
    port: int = 0
    environment: str = ""
    function: str = ""
    deployers: tuple[str, ...] = ()
    """Ids of the users who deployed the function that runs there."""


class Crowd:
    """Counts who is connected to a listener. On the reactor's thread."""

    def __init__(
        self,
        from_containers: int = descriptors.MAX_FROM_CONTAINERS,
        from_addresses: int = descriptors.MAX_FROM_ADDRESSES,
        *,
        of_one: int = MAX_CONNECTIONS,
        of_function: int = MAX_OF_A_FUNCTION,
    ) -> None:
        """All numbers count connections. `from_containers`, `from_addresses`: in all, by either
        way, so that containers take no place of the others'; the first `A_FEW` of each container
        are beside that. `of_one`: of one peer. `of_function`: of all containers of a function."""
        self._of_one = of_one
        self._of_function = of_function
        self._from_containers = from_containers
        self._from_addresses = from_addresses
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def is_full(self) -> bool:
        """Whether no further caller with an address is let in."""
        return self._counts[_ADDRESSES] >= self._from_addresses

    def enter(self, peer: Peer) -> bool:
        """Counts one more connection of this peer. False: it has as many as it may."""
        if not self.has_place(peer):
            return False
        self._counts.update(_groups(peer))
        return True

    def leave(self, peer: Peer) -> None:
        """Counts one connection less of a peer that has entered."""
        for group in _groups(peer):
            self._counts[group] -= 1
            if not self._counts[group]:
                del self._counts[group]

    def has_place(self, peer: Peer) -> bool:
        """Whether `enter` would let this peer in now."""
        if peer.address:
            own = self._counts["address", peer.address]
            return not self.is_full and (own < self._of_one or is_loopback(peer.address))
        own = self._counts["environment", peer.environment]
        if own < A_FEW:
            return True
        of_function = self._counts["function", peer.function] if peer.function else 0
        return (
            own < self._of_one
            and of_function < self._of_function
            and self._counts[_CONTAINERS] < self._from_containers
        )


_ADDRESSES = ("all", "addresses")
_CONTAINERS = ("all", "containers")


def _groups(peer: Peer) -> list[tuple[str, str]]:
    if peer.address:
        return [_ADDRESSES, ("address", peer.address)]
    return [_CONTAINERS, ("environment", peer.environment), ("function", peer.function)]
