"""Makes requests of the bytes that come by one HTTP/1.1 connection.

httptools parses (llhttp, Node.js' parser); this is what is around it. Servers in Python have an
interface between them and the application, and a task for each request, which take more time than
all that an invocation needs: see docs/decisions.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

import httptools

from emulator.web.http.body import Body
from emulator.web.http.connection_limit import Peer
from emulator.web.http.messages import Headers, Reply, Request

Bytes = bytes | memoryview

_HOP = frozenset({b"connection", b"upgrade", b"http2-settings"})
_VERSIONS = frozenset({"1.0", "1.1"})
_METHOD = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+ ")  # RFC 9110, 9.1
_MAX_LINES = 2_000  # headers, and trailers: each takes some thirty times the memory of its bytes
_SLICE = 1024  # bytes of heads and chunks that are looked at at once: up to 170 chunks of one byte
_LARGE_SLICE = 16 * 1024  # where pieces are large
_LARGE = 512  # bytes of a piece


@dataclass(frozen=True, kw_only=True)
class Limits:
    head: int  # bytes of a request line and headers, or of trailers
    body: int  # bytes that are kept of one
    dropped: int  # bytes that are read beside those, and dropped


class Unreadable(Exception):
    """What has come is no request, or not one that is taken. Nothing behind it means anything."""

    def __init__(self, status: int, why: str, reply: Reply | None = None) -> None:
        super().__init__(why)
        self.status = status
        self.why = why
        self.reply = reply
        """Where it is known already."""


class _Stop(Exception):
    """Raised within the parser, which has an error of its own made of it."""

    def __init__(self, unreadable: Unreadable) -> None:
        super().__init__()
        self.unreadable = unreadable


class Reader:
    """`begun` is called with each request whose headers are complete, and may give a reply that
    turns it away; `complete` when all of it is there, with whether to stay connected then."""

    def __init__(
        self,
        limits: Limits,
        peer: Peer,
        server: tuple[str, int],
        *,
        begun: Callable[[Request], Reply | None],
        complete: Callable[[Request, bool], None],
    ) -> None:
        self._limits = limits
        self._peer = peer
        self._server = server
        self._on_begun = begun
        self._on_complete = complete
        self._over = False
        self._parser = self._new_parser()
        self.head = 0
        """Bytes that came since the last headers or piece of a body were complete."""
        self._piece = 0  # bytes of the last piece of a body
        self._most = 0  # bytes that the body under way may have
        self.left = 0
        """Bytes of the body that have still to come, where its length was said."""
        self.url = b""
        self.request: Request | None = None
        """Whose headers are complete, and it is not."""
        self.body = Body(0)
        """Its body, as far as it has come."""
        self.headers: Headers = []

    @property
    def is_between(self) -> bool:
        """Nothing has come of a request that is not complete."""
        return self.request is None and not self.head

    def feed(self, data: Bytes) -> Bytes:
        """Looks at a slice of it, and returns what is left. Raises `Unreadable`."""
        size = min(self.left, len(data)) or self._slice()
        piece = data if size >= len(data) else data[:size]
        if not self.left:
            self.head += len(piece)
            if self.head > self._limits.head:
                raise Unreadable(431, "The headers are too large.")
        try:
            again = self._parse(piece)
        except httptools.HttpParserInvalidMethodError as error:
            if _METHOD.match(piece):
                raise Unreadable(405, "No endpoint has this method.") from None
            raise Unreadable(400, f"Invalid HTTP request received: {error}") from None
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, _Stop):
                raise cause.unreadable from None
            raise Unreadable(400, f"Invalid HTTP request received: {error}") from None
        rest = b"" if piece is data else data[size:]
        return again + bytes(rest) if again else rest

    def end(self) -> None:
        """No more comes."""
        if self.request is not None:
            self.request.truncated = True
            self.body.drop()
            self._complete(stay=False)

    def restrict(self, most: int) -> None:
        """The body under way may have so many bytes, and is refused when it has more."""
        if most < self._limits.body:
            self._most = most
        self.body.restrict(min(most, self._limits.body))

    def forget(self) -> None:
        """Nothing that comes means anything any more."""
        self._over = True
        self._begin()
        self.body.drop()

    def close(self) -> None:
        """The parser and this one know each other: they would wait for the garbage collector, and
        all that they hold with them."""
        self.forget()
        del self._parser

    # What the parser tells

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= _MAX_LINES:
            raise _Stop(Unreadable(431, f"There are more than {_MAX_LINES} headers."))
        # The parser keeps the space behind a value, which is not of it: RFC 9110, 5.5
        self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self.head = 0
        if self._over or self._parser.should_upgrade():
            return
        if self._parser.get_http_version() not in _VERSIONS:  # the parser takes 0.9 and 2.0, too
            raise _Stop(Unreadable(400, "This server speaks HTTP/1.1 and HTTP/1.0."))
        parsed = httptools.parse_url(self.url)
        path = (parsed.path or b"").decode("ascii")
        request = Request(
            method=self._parser.get_method().decode("ascii"),
            target=self.url,
            path=unquote(path) if "%" in path else path,
            query=parsed.query or b"",
            headers=self.headers,
            version=self._parser.get_http_version(),
            peer=self._peer,
            server=self._server,
        )
        length = request.length
        self.left = self._piece = length
        self._most = self._limits.body + self._limits.dropped
        self.body = Body(min(length or self._limits.body, self._limits.body))
        refusal = self._on_begun(request)
        if refusal is not None:
            raise _Stop(Unreadable(refusal.status, "", refusal))
        self.request = request
        self._check_size(length)
        self.headers = request.trailers  # the parser makes no difference

    def on_body(self, body: bytes) -> None:
        self.head = 0
        if self.request is None:
            return
        if self.left:
            self.left -= len(body)
        self._piece = len(body)
        self.body.add(body)
        self._check_size(self.body.came)

    def on_message_complete(self) -> None:
        if self.request is not None:
            version = self.request.version
            self._complete(stay=version != "1.0" and self._parser.should_keep_alive())

    def _slice(self) -> int:
        return _LARGE_SLICE if self._piece > _LARGE else _SLICE

    def _begin(self) -> None:
        self.url, self.headers, self.request = b"", [], None
        self.left = self._piece = self.head = 0

    def _parse(self, data: Bytes) -> bytes:
        """Returns what has to be parsed once more."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            if self._parser.get_method() == b"CONNECT":
                raise httptools.HttpParserError("this is no proxy") from None
            return self._without_upgrade() + bytes(data[stop.args[0] :])
        return b""

    def _without_upgrade(self) -> bytes:
        """A request that offers an upgrade, as every one of Java's HTTP client does (h2c): the
        parser stops before its body. It is read once more without the offer."""
        lines = [b": ".join(header) for header in self.headers if header[0] not in _HOP]
        if not self._parser.should_keep_alive():
            lines.append(b"connection: close")
        version = self._parser.get_http_version().encode()
        start = b"%s %s HTTP/%s" % (self._parser.get_method(), self.url, version)
        self._begin()
        self._parser = self._new_parser()  # the old one heeds nothing behind an upgrade and a close
        return b"\r\n".join([start, *lines, b"", b""])

    def _check_size(self, size: int) -> None:
        """Refuses a body that is not even read."""
        if size > self._most:
            most = min(self._most, self._limits.body)
            raise _Stop(Unreadable(413, f"The body has more than {most} bytes."))

    def _complete(self, *, stay: bool) -> None:
        request = self.request
        assert request is not None, "its headers have come"
        request.too_large = self.body.came > self._limits.body
        request.body = self.body.whole()
        self._over = not stay
        self._begin()
        self._on_complete(request, stay)

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser
