"""Sends replies on one connection, at the pace of the client that reads them."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable

from taskdock.web.http.body import BodyError
from taskdock.web.http.messages import Broken, Reply, Request
from taskdock.web.http.site import Site

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: closing sends a reset, and nothing that still waits
_PIECE = 64 * 1024  # bytes that are written at once


class Outgoing:
    """The sending side of a connection. On the reactor's thread."""

    def __init__(
        self, site: Site, loop: asyncio.AbstractEventLoop, transport: asyncio.Transport
    ) -> None:
        self._site = site
        self._loop = loop
        self._transport = transport
        self.is_full = False
        """The client does not read what it was sent: more would fill the memory."""
        self._stream: ReplyStream | None = None
        self._patience = site.patience

    def pause(self) -> None:
        """The transport is full."""
        self.is_full = True
        if self._stream is not None:
            self._stream.pause()
        if self._patience is not None:
            left = self._transport.get_write_buffer_size()
            self._loop.call_later(self._patience, self._check_reading, left)

    def resume(self) -> None:
        """The transport takes more."""
        self.is_full = False
        if self._stream is not None:
            self._stream.resume()

    def refuse(self, reply: Reply) -> None:
        """Sends the last reply of the connection, which is to no request."""
        self._write(reply, close=True)

    def send(
        self,
        request: Request,
        reply: Reply | Exception,
        *,
        close: bool,
        gone: bool,
        streamed: Callable[[bool], None],
    ) -> bool:
        """Sends the reply to a request, or what an exception stands for. True: all of the reply is
        handed to the transport. Else `streamed` will be called at the end of its body, with whether
        that was complete, unless it is cancelled.

        `close`: no reply follows it. `gone`: the client sends no more, so it gets no streamed body.
        """
        old, head_only = request.version == "1.0", request.method == "HEAD"
        if isinstance(reply, Broken):
            self.break_off(old=True)
            return True
        if isinstance(reply, Exception):
            reply = self._reply_of(request, reply)
        body = reply.body
        try:
            self._write(reply, close=close, head_only=head_only, old=old)
        except Exception as error:
            reply = self._reply_of(request, error)
            self._write(reply, close=close, head_only=head_only)
        if isinstance(body, bytes):
            return True
        gone = gone or self._transport.is_closing()
        has_body = reply.body is body and not (head_only or reply.is_bodiless or gone)

        if has_body and reply.patience:
            self._patience = min(self._patience or reply.patience, reply.patience)

        def ended(error: Exception | None) -> None:
            self._stream, self._patience = None, self._site.patience
            if error is not None and not isinstance(error, BodyError):
                self._complain(request, error)
            streamed(error is None and not gone)

        sent, chunked = body if has_body else Nothing(body), has_body and not old
        self._stream = ReplyStream(sent, self._transport, self._loop, chunked=chunked, ended=ended)
        if self.is_full:
            self._stream.pause()
        return False

    def _write(
        self, reply: Reply, *, close: bool, head_only: bool = False, old: bool = False
    ) -> None:
        if not self._transport.is_closing():
            also = self._site.always()
            data = reply.encoded(also=also, head_only=head_only, close=close, old=old)
            self._transport.write(data)

    def _reply_of(self, request: Request, error: Exception) -> Reply:
        """The reply where the endpoint has raised `error`."""
        if isinstance(error, BodyError):
            return request.refusal or self._site.refuse(request.path, error.status, error.why)
        self._complain(request, error)
        return self._site.refuse(request.path, 500, "there was an internal error")

    def _complain(self, request: Request, error: Exception) -> None:
        self._loop.call_exception_handler(
            {"message": f"{request.method} {request.path} broke", "exception": error}
        )

    def cancel(self) -> bool:
        """The client has gone. True: a body was under way, and is closed soon."""
        if self._stream is None:
            return False
        self._stream.cancel()
        self._stream = None
        return True

    def linger(self) -> None:
        """Closes the connection while the client may still send: its further bytes are read, and
        dropped, for a while. Closed with unread bytes, a connection is reset, and its client may
        lose the reply: see `Limits.http_linger`."""
        if not self._transport.is_closing():
            self._transport.write_eof()
            self._loop.call_later(self._site.limits.http_linger, self._transport.abort)

    def break_off(self, *, old: bool) -> None:
        """Closes the connection so that the client sees that the body is not complete: its last
        chunk is missing. `old`: a client of HTTP/1.0 gets no chunks, but a reset, as does one that
        gets no reply at all."""
        if not old:
            self._transport.close()
            return
        connection: socket.socket | None = self._transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    def _check_reading(self, before: int) -> None:
        """Gives up a client that has read no byte since `before` bytes were left to send."""
        left = self._transport.get_write_buffer_size()
        if self.is_full and left == before:
            self._transport.abort()
        elif self.is_full:
            self._loop.call_later(self._patience or 0.0, self._check_reading, left)


class ReplyStream:
    """One body on its way to a client, on the reactor's thread.

    Nothing is asked of the body while the transport is full. `cancel` ends it: the body sees
    `CancelledError` where it waits, and is closed.
    """

    def __init__(
        self,
        body: AsyncIterator[bytes],
        transport: asyncio.Transport,
        loop: asyncio.AbstractEventLoop,
        *,
        chunked: bool,
        ended: Callable[[Exception | None], None],
    ) -> None:
        """`ended` is called once, unless it was cancelled: with None behind a complete body, or
        with the exception that the body has raised."""
        self._body = body
        self._transport = transport
        self._loop = loop
        self._chunked = chunked
        self._ended = ended
        self._room: asyncio.Future[None] | None = None  # None: the transport takes more
        self._task = loop.create_task(self._run())

    def pause(self) -> None:
        """The transport is full."""
        if self._room is None:
            self._room = self._loop.create_future()

    def resume(self) -> None:
        """The transport takes more."""
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)

    def cancel(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        error: Exception | None = None
        try:
            await self._send_all()
        except Exception as raised:
            error = raised
        finally:
            try:
                await _close(self._body)
            except Exception as raised:
                error = error or raised
        self._ended(error)

    async def _send_all(self) -> None:
        async for piece in self._body:
            for start in range(0, len(piece), _PIECE):
                if self._room is not None:
                    await self._room
                self._write(piece[start : start + _PIECE])
            await asyncio.sleep(0)  # a body that never waits would keep all others waiting
            if self._room is not None:
                await self._room
        if self._chunked and not self._transport.is_closing():
            self._transport.write(b"0\r\n\r\n")

    def _write(self, piece: bytes) -> None:
        if self._chunked:
            piece = b"%x\r\n%s\r\n" % (len(piece), piece)
        if not self._transport.is_closing():
            self._transport.write(piece)


class Nothing(AsyncIterator[bytes]):
    """No bytes in place of a body that is not sent, as for HEAD: it is closed unread."""

    def __init__(self, body: AsyncIterator[bytes]) -> None:
        self._body = body

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration

    async def aclose(self) -> None:
        await _close(self._body)


async def _close(body: AsyncIterator[bytes]) -> None:
    """Closes a body that nobody reads any more, if it can be closed."""
    close = getattr(body, "aclose", None)
    if close is not None:
        await close()
