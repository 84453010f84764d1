"""The public listener: accepts connections to open sockets, on the reactor."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import socket
from collections.abc import Sequence

from taskdock.base.errors import StartupError
from taskdock.base.health import Health
from taskdock.base.machine import memory
from taskdock.base.machine.descriptors import DESCRIPTORS, EXHAUSTED, OUT_OF_DESCRIPTORS
from taskdock.base.timing.reactor import Reactor
from taskdock.web.http.connection import Connection
from taskdock.web.http.site import Site

_BACKLOG = 1024
_TRIES = 10
"""Ports of the system's choice to try: a port may be free on one address and taken on another."""
_ROUND = 60.0  # seconds between two checks for idle connections
_CLOSE_PAUSE = 0.01
_MAX_ACCEPTED = 64  # connections that are accepted in one turn of the loop
_REST = 1.0  # seconds without accepting, where the system has nothing left for one more
_CROWDED = (
    "there are as many connections to this server as it takes: callers wait until others are"
    " closed; more are taken where a process may have more files open (ulimit -n)"
)


def open_public(host: str, port: int) -> list[socket.socket]:
    """Opens sockets for `host`.

    "localhost" means both loopback addresses, since clients differ in which they try. Both have
    the same port; 0 lets the system choose it. Raises `StartupError`.
    """
    if host != "localhost":
        return [_bind(host, port)]
    for _ in range(_TRIES - 1 if port == 0 else 0):
        with contextlib.suppress(StartupError):
            return _bind_both(port)
    return _bind_both(port)


def _bind_both(port: int) -> list[socket.socket]:
    sockets = [_bind("127.0.0.1", port)]
    try:
        sockets.append(_bind("::1", sockets[0].getsockname()[1]))
    except StartupError:
        if not _is_elsewhere("::1"):
            sockets[0].close()
            raise
    return sockets


class Listener:
    """Serves a site on open sockets.

    It accepts connections itself: where no descriptor is left, asyncio's server tries a thousand
    times in a row, with a line in the log for each. Here callers wait in the kernel for a moment.
    """

    def __init__(
        self,
        site: Site,
        sockets: Sequence[socket.socket],
        reactor: Reactor,
        health: Health | None = None,
    ) -> None:
        self.port: int = sockets[0].getsockname()[1]
        self._site = site
        self._limits = site.limits
        self._sockets = sockets
        self._reactor = reactor
        self._loop = reactor.loop
        self._health = health or Health()
        self._came = 0  # bytes, at the last look
        self._coming: set[asyncio.Task[None]] = set()
        self._resting: asyncio.TimerHandle | None = None

    def start(self) -> None:
        self._reactor.run(self._start())

    def stop(self) -> None:
        """Also closes the sockets. Replies under way have `Limits.http_stop` to end."""
        self._reactor.run(self._stop())
        for listening in self._sockets:
            listening.close()

    async def _start(self) -> None:
        for listening in self._sockets:
            listening.setblocking(False)
        self._go_on()
        self._loop.call_later(_ROUND, self._close_idle)
        self._loop.call_later(self._limits.memory_check, self._give_back, False)

    async def _stop(self) -> None:
        self._site.closed = True
        self._pause()
        if self._resting is not None:
            self._resting.cancel()
        give_up = self._loop.time() + self._limits.http_stop
        for connection in list(self._site.connections):
            connection.close()
        while any(not each.is_idle for each in self._site.connections):
            if self._loop.time() > give_up:
                break
            await asyncio.sleep(_CLOSE_PAUSE)
        for connection in list(self._site.connections):
            connection.abort()

    def _go_on(self) -> None:
        self._resting = None
        for listening in self._sockets:
            self._loop.add_reader(listening, self._accept, listening)

    def _pause(self) -> None:
        for listening in self._sockets:
            self._loop.remove_reader(listening)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_MAX_ACCEPTED):
            if self._site.crowd.is_full:
                self._rest(_CROWDED)
                return
            try:
                accepted, _ = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):  # none, or gone already
                return
            except OSError as error:
                # Where callers are not the reason, the next one may fare better; nobody is lost.
                exhausted = error.errno in OUT_OF_DESCRIPTORS
                self._rest(EXHAUSTED if exhausted else f"callers cannot be taken: {error}")
                return
            accepted.setblocking(False)
            task = self._loop.create_task(self._admit(accepted))
            self._coming.add(task)  # the loop itself has only weak references
            task.add_done_callback(self._coming.discard)

    async def _admit(self, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                lambda: Connection(self._site, self._loop), accepted
            )
        except OSError:  # it has gone already
            accepted.close()

    def _rest(self, reason: str) -> None:
        self._pause()
        if self._resting is None:
            self._resting = self._loop.call_later(_REST, self._go_on)
        self._health.report_passing(DESCRIPTORS, reason, self._loop)

    def _give_back(self, was_much: bool) -> None:
        """Twice after much has come: in the first seconds not all of it is free again."""
        came, self._came = self._came, self._site.turns.came
        much = self._came - came > self._limits.memory_check_bytes
        if (much or was_much) and not self._site.closed:
            self._loop.run_in_executor(None, memory.give_back)
        self._loop.call_later(self._limits.memory_check, self._give_back, much)

    def _close_idle(self) -> None:
        oldest = self._loop.time() - self._limits.http_idle
        for connection in list(self._site.connections):
            if connection.is_idle and connection.idle_since < oldest:
                connection.abort()  # its client may not even read
        self._loop.call_later(_ROUND, self._close_idle)


def _bind(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        info = socket.getaddrinfo(address, port, family, socket.SOCK_STREAM)[0]
        bound = socket.socket(info[0], info[1], info[2])
    except OSError as error:
        raise StartupError(f"cannot serve on {address}: {error.strerror or error}") from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted connections inherit it: else an answer of two pieces waits 40 ms for the first.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if info[0] == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(info[4])
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise StartupError(
                f"port {port} is in use on {address}; stop what uses it, or choose another with"
                " --port (0 takes a free one)"
            ) from None
        raise StartupError(f"cannot serve on {address} port {port}: {error.strerror}") from None
    return bound


def _is_elsewhere(address: str) -> bool:
    """Whether this machine does not have that address."""
    try:
        kind = socket.AF_INET6 if ipaddress.ip_address(address).version == 6 else socket.AF_INET
        with socket.socket(kind) as probe:
            probe.bind((address, 0))
    except (OSError, ValueError):
        return True
    return False
