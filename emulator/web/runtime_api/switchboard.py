"""The switchboard: serves connections from containers, each forward by a site of its own."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping

from taskdock.base.timing.reactor import Reactor
from taskdock.web.http.connection import Connection
from taskdock.web.http.connection_limit import Peer
from taskdock.web.http.site import Site


class Switchboard:
    """On the reactor's thread."""

    def __init__(self, sites: Mapping[str, Site], reactor: Reactor) -> None:
        """`sites`: by the forward's letter."""
        self._sites = sites
        self._reactor = reactor

    def lead(self, peer: Peer, letter: str, connection: socket.socket) -> None:
        """Serves a connection of this peer. `connection` is non-blocking; it is closed where there
        is no such forward, or the peer has too many."""
        site = self._sites.get(letter)
        if site is None or not site.crowd.has_place(peer):
            connection.close()
        else:
            self._reactor.spawn(self._serve(site, peer, connection))

    async def _serve(self, site: Site, peer: Peer, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.connect_accepted_socket(lambda: Connection(site, loop, peer), connection)
        except OSError:  # it has gone already
            connection.close()
