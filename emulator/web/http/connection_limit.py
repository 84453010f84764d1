"""How many connections there may be, of one peer and of all: none shall keep its neighbours out.

Containers are told apart by their doors, others by their address. Callers on this machine come from
loopback, and have no limit but that for all addresses together.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from emulator.base.machine import descriptors
from emulator.base.machine.addresses import is_loopback

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


class Crowd:
    """Those who are connected to a listener. On the reactor's thread."""

    def __init__(
        self,
        from_containers: int = descriptors.MOST_FROM_CONTAINERS,
        from_addresses: int = descriptors.MOST_FROM_ADDRESSES,
    ) -> None:
        """Connections in all, by either way: so containers take no place of the others'. Those few
        that each container has are beside that."""
        self._from_containers = from_containers
        self._from_addresses = from_addresses
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def is_full(self) -> bool:
        """Nobody else is let in by an address."""
        return self._counts[_ADDRESSES] >= self._from_addresses

    def enter(self, peer: Peer) -> bool:
        """False: it holds all that it may, or there is no place."""
        if not self.has_place(peer):
            return False
        self._counts.update(_groups(peer))
        return True

    def leave(self, peer: Peer) -> None:
        """Who has entered."""
        for group in _groups(peer):
            self._counts[group] -= 1
            if not self._counts[group]:
                del self._counts[group]

    def has_place(self, peer: Peer) -> bool:
        """Whether it would be let in now."""
        if peer.address:
            own = self._counts["address", peer.address]
            return not self.is_full and (own < MAX_CONNECTIONS or is_loopback(peer.address))
        own = self._counts["environment", peer.environment]
        if own < A_FEW:
            return True
        of_function = self._counts["function", peer.function] if peer.function else 0
        return (
            own < MAX_CONNECTIONS
            and of_function < MAX_OF_A_FUNCTION
            and self._counts[_CONTAINERS] < self._from_containers
        )


_ADDRESSES = ("all", "addresses")
_CONTAINERS = ("all", "containers")


def _groups(peer: Peer) -> list[tuple[str, str]]:
    if peer.address:
        return [_ADDRESSES, ("address", peer.address)]
    return [_CONTAINERS, ("environment", peer.environment), ("function", peer.function)]
