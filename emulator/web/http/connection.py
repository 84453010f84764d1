"""One HTTP/1.1 connection: has its requests answered, one after the other, in their order.

`incoming.intake` parses what arrives, and `outgoing` sends the replies. The docstring of the
package lists what always holds of a connection.
"""

from __future__ import annotations

import asyncio
from collections import deque
from functools import partial
from typing import cast

from taskdock.web.http.budget import SMALL
from taskdock.web.http.connection_limit import Peer
from taskdock.web.http.incoming.intake import Intake
from taskdock.web.http.messages import PendingReply, Reply, Request
from taskdock.web.http.outgoing import Outgoing
from taskdock.web.http.site import Site

_MAX_QUEUED = 16  # requests sent before the replies to earlier ones


class Connection(asyncio.BufferedProtocol):
    """On the reactor's thread."""

    def __init__(
        self, site: Site, loop: asyncio.AbstractEventLoop, peer: Peer | None = None
    ) -> None:
        """`peer`: the other side; None: the one who has the transport's address."""
        self._site = site
        self._peer = peer
        self._loop = loop
        self._intake: Intake | None = None  # None: it was not let in, or is lost
        self._waiting: deque[tuple[Request | Reply, bool]] = deque()
        """Queue of (request or early refusal, keep-alive) in order of arrival."""
        self._queued = 0  # bytes of the bodies in it
        self._answering: Request | None = None
        self._ended = False  # the client sends no more
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
        self._outgoing = Outgoing(self._site, self._loop, self._transport)
        self._intake = Intake(
            self._site,
            self._loop,
            self._transport,
            peer,
            admit=self._admit,
            arrived=self._enqueue,
            refuse=self._refuse,
            is_behind=lambda: self._outgoing.is_full or self._queued > SMALL,
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
        self._outgoing.pause()
        self._settle()

    def resume_writing(self) -> None:
        self._outgoing.resume()
        self._settle()
        # Not at once: a transport that is closed in the middle of this call closes twice.
        self._loop.call_soon(self._answer_next)

    def eof_received(self) -> bool:
        """The client sends no more. True keeps the connection for replies to what has arrived. A
        streamed body ends here: it may be long until its next piece shows that nobody reads it."""
        self._ended = True
        if self._intake is not None:
            self._intake.end()
        return self._answering is not None and not self._cancel(self._answering)

    def connection_lost(self, _: Exception | None) -> None:
        self._ended = True
        if self._intake is None:
            return
        self._site.connections.discard(self)
        self._site.crowd.leave(self.peer)
        self._intake.close()
        self._intake = None
        self._drop_waiting()
        if self._answering is not None:
            self._cancel(self._answering)

    def close(self) -> None:
        """Closes it at once, or behind the reply to the request that is under way."""
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

    def _enqueue(self, request: Request, stay: bool) -> None:
        self._queued += len(request.body)
        self._waiting.append((request, stay))
        self._answer_next()

    def _refuse(self, reply: Reply) -> None:
        """Sends a refusal behind the replies to earlier requests. Nothing comes behind it."""
        self._waiting.append((reply, False))
        self._answer_next()

    def _answer_next(self) -> None:
        while self._waiting and self._answering is None and not self._outgoing.is_full:
            request, stay = self._waiting.popleft()
            if isinstance(request, Reply):
                self._outgoing.refuse(request)
                self._linger()
                return
            self._queued -= len(request.body)
            self._answering = request
            reply: Reply | PendingReply | Exception
            try:
                reply = self._site.answer(request)
            except Exception as error:
                reply = error
            if isinstance(reply, PendingReply):
                reply.then(partial(self._send_later, request, stay))
                if self._ended and self._answering is request:  # it was sent ahead of the end
                    request.at_end()
            else:
                self._send(request, stay, reply)

    def _drop_waiting(self) -> None:
        while self._waiting:
            request, _ = self._waiting.popleft()
            if isinstance(request, Request):
                self._queued -= len(request.body)
                request.release()

    def _cancel(self, request: Request) -> bool:
        """The client of the request under way has gone. True: its streamed reply has ended."""
        request.at_end()
        cancelled = self._outgoing.cancel()
        if cancelled:
            request.release()
        return cancelled

    def _settle(self) -> None:
        if self._intake is not None:
            self._intake.settle()

    # Replies

    def _send_later(self, request: Request, stay: bool, reply: Reply | Exception) -> None:
        self._send(request, stay, reply)
        self._answer_next()
        self._settle()

    def _send(self, request: Request, stay: bool, reply: Reply | Exception) -> None:
        last = self._ended and not self._waiting
        stay = stay and not last and _has_arrived(request)
        streamed = partial(self._streamed, request, stay)
        if self._outgoing.send(request, reply, close=not stay, gone=self._ended, streamed=streamed):
            self._finish(request, stay)

    def _streamed(self, request: Request, stay: bool, is_whole: bool) -> None:
        """The streamed body of a reply has ended."""
        self._finish(request, stay and is_whole)
        if not is_whole:
            self._outgoing.break_off(old=request.version == "1.0")
        self._answer_next()
        self._settle()

    def _finish(self, request: Request, stay: bool) -> None:
        """The reply has been handed to the transport."""
        self._answering = None
        request.release()
        self.idle_since = self._loop.time()
        if stay:
            return
        self._drop_waiting()
        if _has_arrived(request):
            self._transport.close()
        else:
            self._linger()

    def _linger(self) -> None:
        if self._ended:
            self._transport.close()
            return
        if self._intake is not None:
            self._intake.stop()
        self._outgoing.linger()
        self._settle()


def _has_arrived(request: Request) -> bool:
    """A body that has not arrived completely stands in the way of the next request."""
    return request.stream is None or request.stream.is_whole
