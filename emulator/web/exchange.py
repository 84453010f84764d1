"""A request that has come in, and what is answered."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus

JSON = ("Content-Type", "application/json")
_NOT_IN_A_HEADER = re.compile(rb"[\x00-\x1f\x7f]")
_BODILESS = (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED)
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
    client: tuple[str, int]
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

    def header(self, name: str) -> str | None:
        """The last of that name, which is in lower case."""
        return _value(self.headers, name)

    def trailer(self, name: str) -> str | None:
        return _value(self.trailers, name)


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
            if name.lower() == "content-length":
                length = value.encode()  # the answer to HEAD tells another's
            else:
                lines.append(b"%s: %s\r\n" % (name.encode(), _in_a_header(value)))
        if length is not None:
            lines.append(b"Content-Length: %s\r\n" % length)
        if close:
            lines.append(b"Connection: close\r\n")
        lines.append(b"\r\n")
        if not head_only and length is not None:
            lines.append(self.body)
        return b"".join(lines)


Answer = Callable[[Request], "Reply | Awaitable[Reply]"]
Refuse = Callable[[str, int, str], Reply]
"""How a path refuses what is no request for it, by status and reason."""


def _unnamed(status: int) -> bytes:
    """API functions may answer with a status that nobody has named."""
    return b"HTTP/1.1 %d \r\n" % status


def _in_a_header(value: str) -> bytes:
    """A client's context is JSON, which can have line ends between its words."""
    return _NOT_IN_A_HEADER.sub(b" ", value.encode(errors="replace"))


def _value(headers: Headers, name: str) -> str | None:
    wanted, value = name.encode(), None
    for each, said in headers:
        if each == wanted:
            value = said
    return None if value is None else value.decode("latin-1")
