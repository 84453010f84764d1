"""One HTTP/1.1 connection on the reactor: has requests answered, in order.

What comes by it is the intake's, with its parser and its bounds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import cast

from emulator.web.http.budget import SMALL
from emulator.web.http.connection_limit import Peer
from emulator.web.http.intake import Intake
from emulator.web.http.messages import Reply, Request
from emulator.web.http.site import Site

_MAX_QUEUED = 16  # requests sent before the answers to earlier ones
_LINGER = 2.0  # seconds in which what a refused client still sends is read, and dropped


class Connection(asyncio.BufferedProtocol):
    def __init__(
        self, site: Site, loop: asyncio.AbstractEventLoop, peer: Peer | None = None
    ) -> None:
        """`peer`: who is known to have come; None: whoever has this address."""
        self._site = site
        self._peer = peer
        self._loop = loop
        self._intake: Intake | None = None  # None: it was not let in
        self._waiting: deque[tuple[Request | Reply, bool]] = deque()
        """Requests that wait for their answer, and maybe behind them what is answered to no
        request; with whether to stay connected then."""
        self._queued = 0  # bytes of their bodies
        self._answering: Request | None = None
        self._ended = False  # the client sends no more
        self._full = False  # the client does not read what it is sent
        self.idle_since = loop.time()

    # asyncio.BufferedProtocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = self._peer
        if peer is None:
            address = transport.get_extra_info("peername")
            peer = self._peer = address and Peer(*address[:2])  # None: it has gone already
        if peer is None or self._site.closed or not self._site.crowd.enter(peer):
            self._transport.abort()
            return
        self._site.connections.add(self)
        self._intake = Intake(
            self._site,
            self._loop,
            self._transport,
            peer,
            admit=self._admit,
            complete=self._complete,
            refuse=self._turn_away,
            is_behind=lambda: self._full or self._queued > SMALL,
        )

    @property
    def peer(self) -> Peer:
        assert self._peer is not None, "it has been let in"
        return self._peer

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._site.incoming

    def buffer_updated(self, nbytes: int) -> None:
        if self._intake is not None:
            self._intake.take(nbytes)

    def pause_writing(self) -> None:
        """What is answered to a client that does not read would fill the memory."""
        self._full = True
        self._settle()
        if self._site.patience is not None:
            left = self._transport.get_write_buffer_size()
            self._loop.call_later(self._site.patience, self._look_at_reading, left)

    def resume_writing(self) -> None:
        self._full = False
        self._settle()
        # Not at once: a transport that is closed in the middle of this call closes twice.
        self._loop.call_soon(self._answer_next)

    def eof_received(self) -> bool:
        """Keeps the connection for the answers to what has come."""
        self._ended = True
        if self._intake is not None:
            self._intake.end()
        if self._answering is not None:
            self._answering.at_end()
        return self._answering is not None

    def connection_lost(self, _: Exception | None) -> None:
        self._ended = True
        if self._intake is None:
            return
        self._site.connections.discard(self)
        self._site.crowd.leave(self.peer)
        self._intake.close()
        self._intake = None
        while self._waiting:
            self._drop(self._waiting.popleft()[0])
        if self._answering is not None:
            self._answering.at_end()

    def close(self) -> None:
        """At once, or after the answer to the request that is under way."""
        self._ended = True
        if self._answering is None:
            self._transport.close()

    def abort(self) -> None:
        self._transport.abort()

    @property
    def is_idle(self) -> bool:
        """No request is under way."""
        return self._answering is None

    # Requests

    def _admit(self, request: Request) -> Reply | None:
        if len(self._waiting) >= _MAX_QUEUED:
            return self._site.refuse(request.path, 400, "there are too many requests at once")
        return self._site.admit(request)

    def _complete(self, request: Request, stay: bool) -> None:
        self._queued += len(request.body)
        self._waiting.append((request, stay))
        self._answer_next()

    def _answer_next(self) -> None:
        while self._waiting and self._answering is None and not self._full:
            request, stay = self._waiting.popleft()
            if isinstance(request, Reply):
                self._write(request, head_only=False, stay=stay)
                self._linger()
                return
            self._queued -= len(request.body)
            self._answering = request
            try:
                reply = self._site.answer(request)
            except Exception as error:
                reply = self._broken(request, error)
            if isinstance(reply, Reply):
                self._send(reply, request, stay)
            else:
                reply.then(partial(self._send_later, request, stay))
                if self._ended and self._answering is request:  # it was sent ahead of the end
                    request.at_end()

    def _send_later(self, request: Request, stay: bool, reply: Reply | Exception) -> None:
        if isinstance(reply, Exception):
            reply = self._broken(request, reply)
        self._send(reply, request, stay)
        self._answer_next()
        self._settle()

    def _send(self, reply: Reply, request: Request, stay: bool) -> None:
        self._answering = None
        request.release()
        self.idle_since = self._loop.time()
        stay = stay and not (self._ended and not self._waiting)
        head_only = request.method == "HEAD"
        try:
            self._write(reply, head_only=head_only, stay=stay)
        except Exception as error:
            self._write(self._broken(request, error), head_only=head_only, stay=stay)
        if not stay:
            while self._waiting:
                self._drop(self._waiting.popleft()[0])
            self._transport.close()

    def _write(self, reply: Reply, *, head_only: bool, stay: bool) -> None:
        if not self._transport.is_closing():
            also = self._site.always()
            self._transport.write(reply.encoded(also=also, head_only=head_only, close=not stay))

    def _broken(self, request: Request, error: Exception) -> Reply:
        self._loop.call_exception_handler(
            {"message": f"{request.method} {request.path} broke", "exception": error}
        )
        return self._site.refuse(request.path, 500, "there was an internal error")

    def _turn_away(self, reply: Reply) -> None:
        """Its answer comes behind those to what came before it."""
        self._waiting.append((reply, False))
        self._answer_next()

    # The client

    def _drop(self, unanswered: Request | Reply) -> None:
        if isinstance(unanswered, Request):
            self._queued -= len(unanswered.body)
            unanswered.release()

    def _settle(self) -> None:
        if self._intake is not None:
            self._intake.settle()

    def _linger(self) -> None:
        """Closed with something unread, a connection is reset, and its client may lose the answer:
        so the client is told the end, and what it still sends is read for a while.
        https://httpd.apache.org/docs/2.4/misc/perf-tuning.html has why a server has to."""
        if self._transport.is_closing():
            return
        if self._ended:
            self._transport.close()
            return
        self._transport.write_eof()
        self._settle()
        self._loop.call_later(_LINGER, self._transport.abort)

    def _look_at_reading(self, before: int) -> None:
        """Gives up a client that has not read a byte since there were so many left."""
        left = self._transport.get_write_buffer_size()
        if self._full and left == before:
            self._transport.abort()
        elif self._full:
            self._loop.call_later(self._site.patience or 0.0, self._look_at_reading, left)
