"""A request that has come in, and what is answered."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

from emulator.web.http.connection_limit import Peer

JSON = ("Content-Type", "application/json")
_NOT_IN_A_HEADER = re.compile(rb"[\x00-\x1f\x7f]")
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
_SAID_ONCE = frozenset({"date", "server"})  # where an API function says its own, that counts
_STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus
}

Headers = list[tuple[bytes, bytes]]


@dataclass(kw_only=True, eq=False)
class Request:
    """Names of headers and trailers are in lower case, as often as they were sent."""

    method: str
    target: bytes
    """The URI as it was sent."""
    path: str
    """Without percent signs."""
    query: bytes
    headers: Headers
    version: str  # of HTTP
    peer: Peer
    server: tuple[str, int]
    trailers: Headers = field(default_factory=list)
    body: bytes = b""
    """All of it, unless it is not whole: then as much as shows that."""
    truncated: bool = False
    """The body is shorter than was said, or its end never came."""
    too_large: bool = False
    """The body is larger than what is taken for this path."""
    at_end: Callable[[], None] = field(default=lambda: None)
    """Called when the client hangs up, or sends no more, while the request waits."""
    known: dict[str, object] = field(default_factory=dict)
    """What was found out before its body was read: of signing in, `wsgi.JUDGED`."""
    release: Callable[[], None] = field(default=lambda: None)
    """Gives back what the body has of a budget, where it has; again it does nothing. Done when the
    request has been answered, at the latest: earlier by who has bounds of his own for it."""

    def __post_init__(self) -> None:
        self._fields = dict(self.headers)

    @property
    def length(self) -> int:
        """Bytes of the body as the headers say it; 0 also where they do not."""
        return int(self._fields.get(b"content-length") or 0)

    @property
    def asks_to_go_on(self) -> bool:
        """The client waits with the body until it is told: RFC 9110, 10.1.1."""
        return self.version != "1.0" and (self.header("expect") or "").lower() == "100-continue"

    def header(self, name: str) -> str | None:
        """The last of that name, which is in lower case."""
        value = self._fields.get(name.encode())
        return None if value is None else value.decode("latin-1")

    def trailer(self, name: str) -> str | None:
        value = dict(self.trailers).get(name.encode())
        return None if value is None else value.decode("latin-1")


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: Iterable[tuple[str, str]] = (JSON,)

    def encoded(self, *, also: bytes, head_only: bool, close: bool) -> bytes:
        """As it is sent. `also`: lines that every answer has.

        Names keep their spelling: there are runtimes, shell scripts above all, that look for them
        as AWS writes them.
        """
        lines = [_STATUS_LINES.get(self.status) or _unnamed(self.status), also]
        length: bytes | None = None if self.status in _BODILESS else b"%d" % len(self.body)
        for name, value in self.headers:
            lowered = name.lower()
            if lowered == "content-length":
                length = value.encode()  # the answer to HEAD tells another's
            else:
                if lowered in _SAID_ONCE:
                    lines[1] = _without(lowered, lines[1])
                lines.append(b"%s: %s\r\n" % (name.encode(), _in_a_header(value)))
        if length is not None:
            lines.append(b"Content-Length: %s\r\n" % length)
        if close:
            lines.append(b"Connection: close\r\n")
        lines.append(b"\r\n")
        if not head_only and length is not None:
            lines.append(self.body)
        return b"".join(lines)


class PendingReply:
    """A reply that is still to come. It is sent where it is given, without a turn of the loop."""

    def __init__(self) -> None:
        self._reply: Reply | Exception | None = None
        self._send: Callable[[Reply | Exception], None] | None = None

    @classmethod
    def of(cls, coming: asyncio.Future[Reply]) -> PendingReply:
        """What a future will have as its result."""
        later = cls()

        def give(came: asyncio.Future[Reply]) -> None:
            if not came.cancelled():
                error = came.exception()
                later.give(came.result() if error is None else RuntimeError(error))

        coming.add_done_callback(give)
        return later

    @property
    def given(self) -> bool:
        return self._reply is not None

    def give(self, reply: Reply | Exception) -> None:
        """The first counts. An error is one of the server's."""
        if self._reply is None:
            self._reply = reply
            if self._send is not None:
                self._send(reply)

    def then(self, send: Callable[[Reply | Exception], None]) -> None:
        self._send = send
        if self._reply is not None:
            send(self._reply)


Responder = Callable[[Request], Reply | PendingReply]
Refuse = Callable[[str, int, str], Reply]
"""How a path refuses what is no request for it, by status and reason."""


def _unnamed(status: int) -> bytes:
    """API functions may answer with a status that nobody has named."""
    return b"HTTP/1.1 %d \r\n" % status


def _without(name: str, lines: bytes) -> bytes:
    begin = f"{name}:".encode()
    kept = [line for line in lines.splitlines(True) if not line.lower().startswith(begin)]
    return b"".join(kept)


def _in_a_header(value: str) -> bytes:
    """A client's context is JSON, which can have line ends between its words."""
    return _NOT_IN_A_HEADER.sub(b" ", value.encode(errors="replace"))
