"""Routes from a container to this machine by the network, where the engine's kernel is another one.

Nobody says which of them leads here; a container's launcher takes the first that does.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

ENGINES_OWN = "host-gateway"
"""For Docker and Podman to replace, in a host name's entry, by what they think leads here."""
LOOPBACK = "127.0.0.1"
_ANY_PORT = 9  # nothing is sent


@dataclass(frozen=True)
class Route:
    listen: str
    """An address of this machine, on which the server listens."""
    reach: str
    """The address that leads there from within a container, or `ENGINES_OWN`."""


def routes(engine: str) -> tuple[Route, ...]:
    """The likeliest first. `engine`: its address, as docker-py has it."""
    host = urlsplit(engine).hostname
    own = None if host is None else _own_address_for(host)
    # A virtual machine on this one leads its containers to our loopback.
    here = Route(LOOPBACK, ENGINES_OWN)
    return (here,) if own is None else (Route(own, own), here)


def _own_address_for(host: str) -> str | None:
    """The address that another machine sees when this one calls it; None: there is none."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as caller:
            caller.connect((host, _ANY_PORT))
            address = str(caller.getsockname()[0])
    except OSError:
        return None
    return None if address.startswith("127.") else address
