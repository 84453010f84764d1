"""The port of a debug session on this machine's loopback, and what leads from it into a container.

Only debug clients of this machine may come in. A page in a browser of this machine could send
requests here, so nothing is passed on that does not begin as a client of this language does.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable

from taskdock.base.errors import IllegalState
from taskdock.lambdas.environment.provision.debugger import Language

HOST = "127.0.0.1"
_TRIED = 20  # ports, from the usual one on, before any free one is taken
_PIECE = 64 * 1024  # bytes
_MOST = 32
"""Connections at a time: an editor has one or two for each client, and each takes a descriptor."""
_PATIENCE = 10.0  # seconds that a client has for its first word
_REST = 0.25
"""Seconds between a client's end and the next one's begin. debugpy 1.8 never answers a client that
comes while the one before is still taken leave of."""
_BEGINNINGS = {Language.PYTHON: b"Content-", Language.NODEJS: b"GET /"}
"""The first bytes of a client. Those of the debug adapter protocol are a header, and those of the
inspector's are a request for a WebSocket or for the list of what can be debugged:
https://microsoft.github.io/debug-adapter-protocol/overview#base-protocol
https://nodejs.org/en/learn/getting-started/debugging"""
_LIST = b"GET /json"  # asks what there is, and debugs nothing


def listen(language: Language, port: int | None) -> socket.socket:
    """A listening socket at this port of loopback; None: at the usual one of the language, or else
    at one that is free. Raises `IllegalState`."""
    usual = language.port
    tried = [port] if port is not None else [*range(usual, usual + _TRIED), 0]
    for one in tried:
        with contextlib.suppress(OSError):
            listening = socket.create_server((HOST, one))
            listening.setblocking(False)
            return listening
    raise IllegalState(
        f"port {tried[0]} of {HOST} is in use, or is not yours; choose another one with --port, or"
        " leave that out for a free one"
    )


class DebugPort:
    """On the reactor's thread."""

    def __init__(
        self,
        listening: socket.socket,
        language: Language,
        *,
        loop: asyncio.AbstractEventLoop,
        reach: Callable[[], Awaitable[socket.socket | None]],
        changed: Callable[[], object],
    ) -> None:
        """`reach` gives a connection to the debugger in the container; None: there will be none.
        `changed` is called when a client has come or gone."""
        self.number: int = listening.getsockname()[1]
        self.clients = 0
        """Those that are attached."""
        self._left_at = loop.time() - _REST  # the latest client
        self._listening = listening
        self._language = language
        self._loop = loop
        self._reach = reach
        self._changed = changed
        self._open: set[asyncio.Task[None]] = set()
        loop.add_reader(listening, self._accept)

    def close(self) -> None:
        """Ends all connections. Closing again is harmless."""
        if self._listening.fileno() >= 0:
            self._loop.remove_reader(self._listening)
            self._listening.close()
        for task in list(self._open):
            task.cancel()

    def _accept(self) -> None:
        try:
            client, _ = self._listening.accept()
        except OSError:  # it has gone already
            return
        if len(self._open) >= _MOST:
            client.close()
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = self._loop.create_task(self._serve(client))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError, asyncio.TimeoutError):
            first = await asyncio.wait_for(self._loop.sock_recv(client, _PIECE), _PATIENCE)
            beginning = _BEGINNINGS[self._language]
            if not first.startswith(beginning[: len(first)]) or not first:
                return
            await asyncio.sleep(self._left_at + _REST - self._loop.time())
            inside = await self._reach()
            if inside is None:
                return
            with inside:
                await self._loop.sock_sendall(inside, first)
                await self._attached(client, inside, counts=not first.startswith(_LIST))

    async def _attached(self, client: socket.socket, inside: socket.socket, counts: bool) -> None:
        self._count(counts)
        pumps = [
            asyncio.ensure_future(self._pump(client, inside)),
            asyncio.ensure_future(self._pump(inside, client)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            # A client that has gone leaves nobody behind; last words of a debugger still arrive.
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self._left_at = self._loop.time()
            self._count(-counts)

    def _count(self, more: int) -> None:
        if more:
            self.clients += more
            self._changed()

    async def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := await self._loop.sock_recv(source, _PIECE):
                await self._loop.sock_sendall(target, data)
