"""HTTP messages: a request that has arrived, and the reply to it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

from taskdock.web.http.body import BodyStream
from taskdock.web.http.connection_limit import Peer

JSON = ("Content-Type", "application/json")
_NOT_IN_A_HEADER = re.compile(rb"[\x00-\x1f\x7f]")
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_OURS_UNLESS_GIVEN = frozenset({"date", "server"})  # an API function's own replaces ours
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}

Headers = list[tuple[bytes, bytes]]


@dataclass(kw_only=True, eq=False)
class Request:
    """One request. Header and trailer names are in lower case, in the order and as often as sent.

    The body is complete in `body`, unless its endpoint asked for it as it arrives (`Site.streams`):
    then it comes by `stream`, and `body` is empty.
    """

    method: str
    target: bytes
    """The URI as it was sent."""
    path: str
    """Without the query, its percent escapes decoded."""
    query: bytes
    headers: Headers
    version: str
    """The version of HTTP: "1.0" or "1.1"."""
    peer: Peer
    server: tuple[str, int]
    """The address and port that were called."""
    trailers: Headers = field(default_factory=list)
    """Complete once the body is."""
    body: bytes = b""
    """The complete body. If `truncated` or `too_large`: the bytes that were kept of it."""
    stream: BodyStream | None = None
    """The body as it arrives, for one reader."""
    truncated: bool = False
    """The body is shorter than its length was said to be, or its last chunk never came."""
    too_large: bool = False
    """The body is larger than what is taken for this path."""
    at_end: Callable[[], None] = field(default=lambda: None)
    """Called when the client hangs up, or sends no more, while the request waits for its reply."""
    refusal: Reply | None = None
    """The reply to it where its streamed body was refused midway: given instead of a `BodyError`
    that the endpoint raises."""
    known: dict[str, object] = field(default_factory=dict)
    """Facts found before the body was read, by key: the caller's sign-in (`wsgi.JUDGED`)."""
    release: Callable[[], None] = field(default=lambda: None)
    """Gives back the bytes of a budget that the body holds; calling it again does nothing. The
    connection calls it with the reply, an endpoint that has bounds of its own earlier."""

    def __post_init__(self) -> None:
        self._fields = dict(self.headers)

    @property
    def length(self) -> int:
        """Bytes of the body as the headers say it; 0 also where they do not."""
        return int(self._fields.get(b"content-length") or 0)

    @property
    def asks_to_go_on(self) -> bool:
        """The client sends the body only after a `100 Continue`: RFC 9110, 10.1.1."""
        return self.version != "1.0" and (self.header("expect") or "").lower() == "100-continue"

    def header(self, name: str) -> str | None:
        """The last header of that name, which is in lower case."""
        value = self._fields.get(name.encode())
        return None if value is None else value.decode("latin-1")

    def trailer(self, name: str) -> str | None:
        value = dict(self.trailers).get(name.encode())
        return None if value is None else value.decode("latin-1")


@dataclass(frozen=True)
class Reply:
    """One reply. A body of bytes is sent with its length, in one piece with the headers.

    A body that is an async iterator is sent as it is made: in chunks, or to a client of HTTP/1.0
    until the connection closes. It is iterated over on the reactor's thread, waits while the client
    does not read, and is closed (`aclose`, where it has one) when it ends, when the client goes or
    the server stops. If it raises, the client sees that the body is not complete.
    """

    status: int
    body: bytes | AsyncIterator[bytes]
    headers: Iterable[tuple[str, str]] = (JSON,)
    patience: float | None = None
    """Seconds after which a client that reads nothing of a streamed body is given up, where that is
    sooner than its site would."""

    @property
    def is_bodiless(self) -> bool:
        """RFC 9110, 6.4.1: such a status has no body, whatever is given."""
        return self.status in _BODILESS

    def encoded(self, *, also: bytes, head_only: bool, close: bool, old: bool = False) -> bytes:
        """The bytes to send; of a streamed body the headers alone. `also`: header lines that every
        reply has. `old`: the client speaks HTTP/1.0, which has no chunks.

        Header names keep their spelling: some runtimes, shell scripts above all, look for them as
        AWS writes them.
        """
        lines = [_STATUS_LINES.get(self.status) or _unnamed(self.status), also]
        body = self.body
        length: bytes | None = None
        if isinstance(body, bytes):
            length = None if self.status in _BODILESS else b"%d" % len(body)
        for name, value in self.headers:
            lowered = name.lower()
            if lowered == "content-length":
                length = value.encode()  # the reply to HEAD says the length of GET's
            else:
                if lowered in _OURS_UNLESS_GIVEN:
                    lines[1] = _without(lowered, lines[1])
                lines.append(b"%s: %s\r\n" % (name.encode(), _in_a_header(value)))
        if not isinstance(body, bytes):
            if length is not None:
                raise ValueError("a streamed body is sent in chunks: it can have no Content-Length")
            if not old and not self.is_bodiless:
                lines.append(b"Transfer-Encoding: chunked\r\n")
        elif length is not None:
            lines.append(b"Content-Length: %s\r\n" % length)
        if close:
            lines.append(b"Connection: close\r\n")
        lines.append(b"\r\n")
        if not head_only and length is not None and isinstance(body, bytes):
            lines.append(body)
        return b"".join(lines)


class Broken(Exception):
    """In place of a reply: the connection is reset."""


class PendingReply:
    """A reply that is given later. It is sent where it is given, without a turn of the loop.

    On the reactor's thread.
    """

    def __init__(self) -> None:
        self._reply: Reply | Exception | None = None
        self._send: Callable[[Reply | Exception], None] | None = None

    @classmethod
    def of(cls, future: asyncio.Future[Reply]) -> PendingReply:
        """The future's result, or the exception that it raises, with its type."""
        pending = cls()
        future.add_done_callback(pending.settle)
        return pending

    @property
    def given(self) -> bool:
        return self._reply is not None

    def settle(self, done: asyncio.Future[Reply]) -> None:
        """Sets what a future has come to; one that was cancelled gives nothing."""
        if not done.cancelled():
            error = done.exception()
            self.give(done.result() if error is None else _an_exception(error))

    def give(self, reply: Reply | Exception) -> None:
        """Sets the reply; a second call does nothing. An exception is answered as a fault of the
        server's, a `BodyError` as the refusal that it says, and `Broken` by no reply."""
        if self._reply is None:
            self._reply = reply
            if self._send is not None:
                self._send(reply)

    def then(self, send: Callable[[Reply | Exception], None]) -> None:
        """Calls `send` with the reply, now or when it is given."""
        self._send = send
        if self._reply is not None:
            send(self._reply)


Responder = Callable[[Request], Reply | PendingReply]
Refuse = Callable[[str, int, str], Reply]
"""Makes the reply that refuses a request: from its path, the status and the reason."""


def _an_exception(error: BaseException) -> Exception:
    """`error` itself, unless it would end the reactor's thread where it is raised."""
    if isinstance(error, Exception):
        return error
    wrapped = RuntimeError(f"a thread was ended: {error!r}")
    wrapped.__cause__ = error
    return wrapped


def _unnamed(status: int) -> bytes:
    """The status line of a status without a name, which an API function may answer with."""
    return b"HTTP/1.1 %d \r\n" % status


def _without(name: str, lines: bytes) -> bytes:
    begin = f"{name}:".encode()
    kept = [line for line in lines.splitlines(True) if not line.lower().startswith(begin)]
    return b"".join(kept)


def _in_a_header(value: str) -> bytes:
    """`value` without control characters: a client context is JSON, which can have line ends."""
    return _NOT_IN_A_HEADER.sub(b" ", value.encode(errors="replace"))
