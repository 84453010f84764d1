"""An acceptor: a listening socket of one door. It takes callers and hears whom they want.

A program that has found the socket may call as it likes: an acceptor bounds what that costs.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from taskdock.base.health import Health
from taskdock.base.machine.descriptors import DESCRIPTORS, EXHAUSTED, OUT_OF_DESCRIPTORS

MayCall = Callable[[Any], bool]
"""Given where a socket's other end is, as `accept` has it."""


@dataclass(frozen=True, kw_only=True)
class CallLimits:
    """Limits of those who call at one listening socket. Times are seconds."""

    patience: float = 5.0
    """That a caller has to say whom it wants."""
    silent: int = 16
    """Callers that have not said it yet; one more costs the oldest of them its connection."""
    burst: int = 256
    """Callers that are taken within `interval`; after them the socket rests."""
    interval: float = 1.0
    rest: float = 0.5


class Acceptor:
    """On the reactor's thread."""

    def __init__(
        self,
        listening: socket.socket,
        preamble: int,
        admit: Callable[[bytes, socket.socket], object],
        loop: asyncio.AbstractEventLoop,
        may_call: MayCall = lambda _: True,
        *,
        limits: CallLimits = CallLimits(),
        health: Health | None = None,
    ) -> None:
        """`preamble`: bytes that a caller says first, with which it is admitted. `may_call` is told
        where it calls from: who may not is turned away before a word is read."""
        self._may_call = may_call
        self._limits = limits
        self._health = health or Health()
        self._listening = listening
        self._preamble = preamble
        self._admit = admit
        self._loop = loop
        self._silent: dict[socket.socket, tuple[bytearray, asyncio.TimerHandle]] = {}
        self._taken = 0  # since
        self._since = loop.time()
        self._resting: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        loop.add_reader(listening, self._accept)

    def close(self) -> None:
        self._loop.remove_reader(self._listening)
        if self._resting is not None:
            self._resting.cancel()
        self._listening.close()
        for connection in list(self._silent):
            self._forget(connection)
            connection.close()

    def _accept(self) -> None:
        try:
            connection, caller = self._listening.accept()
        except (BlockingIOError, ConnectionError):  # it has gone already
            return
        except OSError as error:  # the caller waits, and we would be told of it again at once
            if error.errno in OUT_OF_DESCRIPTORS:
                self._health.report_passing(DESCRIPTORS, EXHAUSTED, self._loop)
            self._rest()
            return
        if self._may_call(caller):
            self._receive(connection)
        else:
            connection.close()
        if self._calls_without_end():
            self._rest()

    def _receive(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        if connection.family != socket.AF_UNIX:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        give_up = self._loop.call_later(self._limits.patience, self._drop, connection)
        self._silent[connection] = (bytearray(), give_up)
        self._loop.add_reader(connection, self._hear, connection)
        self._hear(connection)  # it has most likely been said already
        if len(self._silent) > self._limits.silent:
            self._drop(next(iter(self._silent)))

    def _calls_without_end(self) -> bool:
        now = self._loop.time()
        if now - self._since > self._limits.interval:
            self._since, self._taken = now, 0
        self._taken += 1
        return self._taken >= self._limits.burst

    def _rest(self) -> None:
        """Callers wait in the kernel meanwhile: who calls without end shall not fill our days."""
        if self._resting is None:
            self._loop.remove_reader(self._listening)
            self._resting = self._loop.call_later(self._limits.rest, self._go_on)

    def _go_on(self) -> None:
        self._resting, self._taken = None, 0
        self._loop.add_reader(self._listening, self._accept)

    def _hear(self, connection: socket.socket) -> None:
        heard, _ = self._silent[connection]
        try:
            data = connection.recv(self._preamble - len(heard))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        heard += data
        if not data:
            self._drop(connection)
        elif len(heard) == self._preamble:
            self._forget(connection)
            self._admit(bytes(heard), connection)

    def _drop(self, connection: socket.socket) -> None:
        self._forget(connection)
        connection.close()

    def _forget(self, connection: socket.socket) -> None:
        _, give_up = self._silent.pop(connection)
        give_up.cancel()
        self._loop.remove_reader(connection)
