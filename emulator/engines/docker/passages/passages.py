"""Passages: how a container's door can lead to this server. They are tried in turn, and kept.

Which one works depends on what no engine tells: whether its kernel is ours, and whether it sees our
files under the names that we know. So the first container is made by each of them until it
arrives.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import docker
from docker.errors import DockerException

from emulator.base.errors import EngineError, NotReachable
from emulator.base.health import Health
from emulator.engines.docker.passages.paths import EnginePaths, own_mounts
from emulator.engines.docker.passages.remedies import explain
from emulator.engines.docker.passages.ways import ENGINES_OWN, LOOPBACK, Way, ways
from emulator.engines.launcher.callers import Callers, addresses_of, callers, subnets
from emulator.engines.launcher.door import Door, Doors

PASSAGE = "passage"
"""The trouble's name in `Health`."""
_USUAL_NETWORK = "bridge"
_MAKESHIFT = 60.0  # seconds until a better passage is looked for than one that was a way out


class Passage(Protocol):
    @property
    def paths(self) -> EnginePaths: ...

    @property
    def hosts(self) -> dict[str, str]:
        """Host names that the container gets."""

    @property
    def told(self) -> str:
        """What it goes by, for people."""

    @property
    def is_usual(self) -> bool:
        """Whether nothing of it is on the network."""

    def door(self, doors: Doors, loop: asyncio.AbstractEventLoop) -> Door:
        """A new one. Raises `OSError`."""

    def explain(self, errno: int) -> str:
        """Why a container did not come by its door, and what mends it. `errno`: what its launcher
        met, Linux's number; 0: nothing, it did not even try."""


@dataclass(frozen=True)
class BySocket:
    paths: EnginePaths

    told = "a Unix socket in the data folder"
    is_usual = True

    @property
    def hosts(self) -> dict[str, str]:
        return {}

    def door(self, doors: Doors, loop: asyncio.AbstractEventLoop) -> Door:
        return doors.by_socket(loop)

    def explain(self, errno: int) -> str:
        return f"the container did not come by the socket in the data folder (error {errno})"


@dataclass(frozen=True)
class ByNetwork:
    """Where the engine's kernel is another one."""

    paths: EnginePaths
    ways: tuple[Way, ...]
    callers: Callers
    """Who may call at all: all others are turned away before a word is read."""

    is_usual = False

    @property
    def told(self) -> str:
        return f"TCP, by {' or '.join(way.reach for way in self.ways)}"

    @property
    def hosts(self) -> dict[str, str]:
        asks = any(way.reach == ENGINES_OWN for way in self.ways)
        return {HOST: ENGINES_OWN} if asks else {}

    def door(self, doors: Doors, loop: asyncio.AbstractEventLoop) -> Door:
        reaches = [
            (way.listen, HOST if way.reach == ENGINES_OWN else way.reach) for way in self.ways
        ]
        return doors.by_network(reaches, loop, self.callers)

    def explain(self, errno: int) -> str:
        return explain(errno, self.ways)


HOST = "host.taskdock"
"""Inside a container, what the engine thinks leads to this machine."""


Passages = Callable[[docker.APIClient], Sequence[Passage]]


def usual(api: docker.APIClient, allowed: Sequence[str] = ()) -> list[Passage]:
    """The likeliest first. `allowed`: addresses and networks from which containers may come beside
    the engine's own. Raises `EngineUnreachable`, and `ValueError` where one of them is none."""
    paths = EnginePaths(own_mounts(api))
    found = ways(str(api.base_url))
    return [BySocket(paths), ByNetwork(paths, found, callers([*_beyond(api, found), *allowed]))]


def _beyond(api: docker.APIClient, found: Sequence[Way]) -> list[str]:
    """Where containers may come from when the engine is on another machine: that machine, for which
    it translates their addresses; their own network; and this machine, where it is a virtual one
    that is in here."""
    if all(way.listen == LOOPBACK for way in found):
        return []
    own = [way.listen for way in found if way.listen != LOOPBACK]
    network: Any = None
    with contextlib.suppress(DockerException, OSError):
        network = api.inspect_network(_USUAL_NETWORK)
    return [*own, *addresses_of(urlsplit(str(api.base_url)).hostname or ""), *subnets(network)]


class Choice:
    """The passage that containers take, once one has led here."""

    def __init__(self, health: Health) -> None:
        self.passage: Passage | None = None
        self._health = health
        self._until = float("inf")  # by the monotonic clock

    def kept(self) -> Passage | None:
        """The one to take; None: it has to be found out, or a better one looked for."""
        return self.passage if time.monotonic() < self._until else None

    def keep(self, passage: Passage, faults: Sequence[EngineError]) -> None:
        """For good, unless one that is likelier failed for what may pass. `faults`: theirs."""
        self.passage, self._until = passage, float("inf")
        passing = [fault.message for fault in faults if not isinstance(fault, NotReachable)]
        if passing:
            self._until = time.monotonic() + _MAKESHIFT
            reason = f"containers come by {passage.told}, since: {passing[0]}"
            self._health.report(PASSAGE, reason, degraded=True)
        else:
            self._health.clear(PASSAGE)
