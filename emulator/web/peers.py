"""How many connections one container may hold: it shall not keep its neighbours out.

Peers are told apart by their address. What comes from loopback is not limited: callers on this
machine do, and all containers do where the engine's machine is another one (Docker Desktop).
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Any

from waitress.channel import HTTPChannel
from waitress.server import BaseWSGIServer

MAX_CONNECTIONS = 64
"""To each listener. Runtime clients hold one; the public listener has as many threads."""


def is_crowded(peer: str, others: Iterable[str]) -> bool:
    """Whether `peer` holds all the connections that it may, by the addresses of all others."""
    if ipaddress.ip_address(peer.partition("%")[0]).is_loopback:
        return False
    return sum(other == peer for other in others) >= MAX_CONNECTIONS


def share_fairly(server: BaseWSGIServer) -> None:
    """waitress listens to nobody any more once it has all the connections that it may have."""
    accept = server.accept

    def accept_fairly() -> tuple[socket.socket, Any] | None:
        accepted: tuple[socket.socket, Any] | None = accept()
        if accepted is None:
            return None
        connection, address = accepted
        channels = [each for each in server._map.values() if isinstance(each, HTTPChannel)]
        if is_crowded(address[0], (channel.addr[0] for channel in channels)):
            connection.close()
            return None
        return accepted

    server.accept = accept_fairly
