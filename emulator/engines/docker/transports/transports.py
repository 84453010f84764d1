"""Transports: how a container's door can lead to this server: by a Unix socket, or by the network.

Which one works depends on two things that no engine tells: whether the engine's kernel is ours, and
whether the engine sees our files under the names that we know. So the first container is made by
each transport in turn until its launcher arrives (`choice.py`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import docker
from docker.errors import DockerException

from taskdock.engines.docker.facts import at, items, text
from taskdock.engines.docker.transports.advice import explain
from taskdock.engines.docker.transports.paths import EnginePaths, own_mounts
from taskdock.engines.docker.transports.routes import ENGINES_OWN, LOOPBACK, Route, routes
from taskdock.engines.launcher.callers import Callers, addresses_of, callers
from taskdock.engines.launcher.door import Door
from taskdock.engines.launcher.doors import Doors

HOST = "host.taskdock"
"""The name, inside a container, of the address that the engine believes to lead to this machine."""
_USUAL_NETWORK = "bridge"


class Transport(Protocol):
    @property
    def paths(self) -> EnginePaths: ...

    @property
    def hosts(self) -> dict[str, str]:
        """Host names that the container gets, with their addresses."""

    @property
    def description(self) -> str:
        """For people."""

    @property
    def is_local(self) -> bool:
        """Whether nothing of it is on the network."""

    def door(self, doors: Doors, loop: asyncio.AbstractEventLoop) -> Door:
        """A new one. Raises `OSError`."""

    def explain(self, errno: int) -> str:
        """Why a container did not come by its door, and what mends it. `errno`: the error that its
        launcher met, Linux's number; 0: none, it did not even try."""


@dataclass(frozen=True)
class SocketTransport:
    paths: EnginePaths

    description = "a Unix socket in the data folder"
    is_local = True

    @property
    def hosts(self) -> dict[str, str]:
        return {}

    def door(self, doors: Doors, loop: asyncio.AbstractEventLoop) -> Door:
        return doors.by_socket(loop)

    def explain(self, errno: int) -> str:
        return f"the container did not come by the socket in the data folder (error {errno})"


@dataclass(frozen=True)
class NetworkTransport:
    """Transport for an engine whose kernel is another one than ours."""

    paths: EnginePaths
    routes: tuple[Route, ...]
    callers: Callers
    """The addresses that may call: all others are turned away before a word is read."""

    is_local = False

    @property
    def description(self) -> str:
        return f"TCP, by {' or '.join(route.reach for route in self.routes)}"

    @property
    def hosts(self) -> dict[str, str]:
        asks = any(route.reach == ENGINES_OWN for route in self.routes)
        return {HOST: ENGINES_OWN} if asks else {}

    def door(self, doors: Doors, loop: asyncio.AbstractEventLoop) -> Door:
        reaches = [
            (route.listen, HOST if route.reach == ENGINES_OWN else route.reach)
            for route in self.routes
        ]
        return doors.by_network(reaches, loop, self.callers)

    def explain(self, errno: int) -> str:
        return explain(errno, self.routes)


Transports = Callable[[docker.APIClient], Sequence[Transport]]
"""Gives the transports that may work for an engine, the likeliest first."""


def usual_transports(api: docker.APIClient, allowed: Sequence[str] = ()) -> list[Transport]:
    """The socket, then the network. `allowed`: addresses and networks from which containers may
    come beside the engine's own. Raises `EngineUnreachable`, and `ValueError` where one of
    `allowed` is no address."""
    paths = EnginePaths(own_mounts(api))
    found = routes(str(api.base_url))
    allowed_callers = callers([*_beyond(api, found), *allowed])
    return [SocketTransport(paths), NetworkTransport(paths, found, allowed_callers)]


def subnets(network: Any) -> list[str]:
    """From the engine's answer to GET /networks/{id}, such as 172.17.0.0/16."""
    config = at(network, "IPAM")
    return [found for entry in items(config, "Config") if (found := text(entry, "Subnet"))]


def _beyond(api: docker.APIClient, found: Sequence[Route]) -> list[str]:
    """Addresses from which containers may come when the engine is on another machine: that machine,
    which translates their addresses; their own network; and this machine, where the engine's is a
    virtual one in here."""
    if all(route.listen == LOOPBACK for route in found):
        return []
    own = [route.listen for route in found if route.listen != LOOPBACK]
    network: Any = None
    with contextlib.suppress(DockerException, OSError):
        network = api.inspect_network(_USUAL_NETWORK)
    return [*own, *addresses_of(urlsplit(str(api.base_url)).hostname or ""), *subnets(network)]
