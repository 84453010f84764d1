"""Doors: each is the one connection of one container to this server. On this machine it is a Unix
socket in a folder that the container has mounted; elsewhere, TCP and a token. docs/launcher.md has
the messages.

Every caller at a door is inside the door's container: the launcher, or a program that has found the
socket. Nothing that a program does there may cost more than its container's own share.
"""

from __future__ import annotations

import asyncio
import hmac
import shutil
import socket
import struct
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from taskdock.base.health import Health
from taskdock.engines.launcher.acceptor import Acceptor, CallLimits, MayCall
from taskdock.engines.launcher.frames import CONTROL

INSIDE = "/dev/taskdock"
"""The folder's path in a container: below /dev it does not count as a change to the image."""
LAUNCHER = f"{INSIDE}/launcher"
TOKEN = "TASKDOCK_TOKEN"  # noqa: S105 - a variable's name
_CREDENTIALS = struct.Struct("iII")  # process, user, group: unix(7), SO_PEERCRED


class DoorOwner(Protocol):
    """The container that a door leads to. Called on the reactor's thread, with connections that do
    not block."""

    def controlled(self, connection: socket.socket) -> None:
        """The first connection for frames, and the only one."""

    def called(self, letter: str, connection: socket.socket) -> None:
        """A connection to the forward of this letter."""


class Door:
    def __init__(
        self,
        folder: Path,
        addresses: Sequence[str],
        token: str = "",
        *,
        removed: Callable[[str], object] = lambda _: None,
        health: Health | None = None,
        limits: CallLimits = CallLimits(),  # noqa: B008 - frozen
    ) -> None:
        """`folder`: it is the container's at `INSIDE`. `addresses`: as the launcher takes them.
        `removed` gets the folder's name when there is none any more. `health`: is told where
        nobody can be let in."""
        self._removed = removed
        self._health = health
        self._limits = limits
        self.folder = folder
        self.addresses = addresses
        self.token = token
        self._owner: DoorOwner | None = None
        self._launcher: int | None = None  # its user, as the kernel tells it; None: not yet here
        self._acceptors: list[Acceptor] = []

    def open(self, owner: DoorOwner) -> None:
        """From now on callers are let in. On the reactor's thread, as all that follows."""
        self._owner = owner

    def attend(
        self,
        listening: Sequence[socket.socket],
        loop: asyncio.AbstractEventLoop,
        may_call: MayCall = lambda _: True,
    ) -> None:
        """Takes callers at these sockets, which are its own from now on."""
        preamble = len(self.token) + 1
        for one in listening:
            self._acceptors.append(
                Acceptor(
                    one,
                    preamble,
                    self._enter,
                    loop,
                    may_call,
                    limits=self._limits,
                    health=self._health,
                )
            )

    def _enter(self, preamble: bytes, connection: socket.socket) -> None:
        """The launcher comes first, before any program runs. Programs are of another user."""
        token, letter = preamble[:-1], preamble[-1:]
        if not hmac.compare_digest(token, self.token.encode()):
            connection.close()
            return
        user = _user(connection)
        is_first = self._launcher is None
        if self._owner is None or is_first != (letter == CONTROL):
            connection.close()
        elif is_first:
            self._launcher = user
            self._owner.controlled(connection)
        elif user != self._launcher:
            connection.close()
        else:
            self._owner.called(letter.decode("latin-1"), connection)

    def close(self) -> None:
        """From now on nobody comes in. Closing again is harmless."""
        self._owner = None
        while self._acceptors:
            self._acceptors.pop().close()

    def remove(self) -> None:
        """Removes the door's folder; for any thread."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._removed(self.folder.name)


def _user(connection: socket.socket) -> int:
    """The user id of the process at the other end, as this machine has it; -1: the connection came
    by the network."""
    if connection.family != socket.AF_UNIX:
        return -1
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return int(_CREDENTIALS.unpack(credentials)[1])
