"""Parses the bytes of one HTTP/1.1 connection into requests, with httptools (llhttp, the parser of
Node.js).

Servers in Python have an interface between them and the application, and a task for each request,
which take more time than all that an invocation needs: see docs/decisions.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import unquote

import httptools

from taskdock.web.http.body import BodyCutOff, BodyStream, WholeBody
from taskdock.web.http.connection_limit import Peer
from taskdock.web.http.incoming.unreadable import Stop, Unreadable, in_our_words
from taskdock.web.http.messages import Headers, Reply, Request
from taskdock.web.http.site import SizeLimits

Bytes = bytes | memoryview

_HOP = frozenset({b"connection", b"upgrade", b"http2-settings"})
_VERSIONS = frozenset({"1.0", "1.1"})
_METHOD = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+ ")  # RFC 9110, 9.1
_MAX_LINES = 2_000  # headers, and trailers: each takes some thirty times the memory of its bytes
_SLICE = 1024  # bytes of heads and chunks that are looked at at once: up to 170 chunks of one byte
_LARGE_SLICE = 16 * 1024  # where pieces are large
_LARGE = 512  # bytes of a piece


class Reader:
    """On the reactor's thread. Calls `begun` with each request whose headers are complete: a reply
    that it returns refuses the request. Calls `complete` with each complete request, and with
    whether the connection is kept alive behind it."""

    def __init__(
        self,
        sizes: SizeLimits,
        peer: Peer,
        server: tuple[str, int],
        *,
        begun: Callable[[Request], Reply | None],
        complete: Callable[[Request, bool], None],
    ) -> None:
        self._sizes = sizes
        self._peer = peer
        self._server = server
        self._on_begun = begun
        self._on_complete = complete
        self._over = False
        self._parser = self._new_parser()
        self.head = 0
        """Bytes that came since the last headers or piece of a body were complete."""
        self._piece = 0  # bytes of the last piece of a body
        self._body_limit = 0  # bytes that are read of the body under way
        self.left = 0
        """Bytes of the body that have still to come, where its length was said."""
        self.url = b""
        self.request: Request | None = None
        """The request whose headers are complete, and whose body is not."""
        self.body: WholeBody | BodyStream = WholeBody(0)
        """The body of `request`, as far as it has come."""
        self.headers: Headers = []

    @property
    def is_between(self) -> bool:
        """No byte has come of a request that is not complete."""
        return self.request is None and not self.head

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection stays open behind `request`, by its headers."""
        version = self.request and self.request.version
        return version != "1.0" and bool(self._parser.should_keep_alive())

    def feed(self, data: Bytes) -> Bytes:
        """Parses a slice of `data`, and returns the rest. Raises `Unreadable`."""
        size = min(self.left, len(data)) or self._slice()
        piece = data if size >= len(data) else data[:size]
        if not self.left:
            self.head += len(piece)
            if self.head > self._sizes.head:
                raise Unreadable(431, "The headers are too large.")
        try:
            again = self._parse(piece)
        except httptools.HttpParserInvalidMethodError as error:
            if _METHOD.match(piece):
                raise Unreadable(405, "No endpoint has this method.") from None
            raise Unreadable(400, in_our_words(str(error))) from None
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, Stop):
                raise cause.unreadable from None
            raise Unreadable(400, in_our_words(str(error))) from None
        rest = b"" if piece is data else data[size:]
        return again + bytes(rest) if again else rest

    def end(self) -> None:
        """The client sends no more: a request under way is truncated."""
        if self.request is not None:
            self.request.truncated = True
            self._drop_body(BodyCutOff("The body is shorter than its headers say."))
            self._complete(stay=False)

    def restrict(self, limit: int) -> None:
        """The body under way may have `limit` bytes, and is refused when it has more."""
        if limit < self._sizes.body:
            self._body_limit = limit
        self.body.restrict(min(limit, self._sizes.body))

    def stream(self, has_room: Callable[[], object]) -> BodyStream:
        """Hands the body on, whose request has just begun, as it arrives. See `BodyStream`."""
        self.body = BodyStream(self._sizes.body, has_room=has_room)
        return self.body

    def forget(self, error: BodyCutOff) -> None:
        """Ignores all further bytes. `error`: why a stream under way ends here."""
        self._over = True
        self._drop_body(error)
        self._begin()

    def close(self, error: BodyCutOff) -> None:
        """Ends it for good. The parser and the reader refer to each other: else they would wait for
        the garbage collector, and all that they hold with them."""
        self.forget(error)
        del self._parser

    def _drop_body(self, error: BodyCutOff) -> None:
        if isinstance(self.body, BodyStream):
            self.body.end(error)
        else:
            self.body.drop()

    # Callbacks of the parser

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        if len(self.headers) >= _MAX_LINES:
            raise Stop(Unreadable(431, f"There are more than {_MAX_LINES} headers."))
        # The parser keeps the space behind a value, which is not of it: RFC 9110, 5.5
        self.headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self.head = 0
        if self._over or self._parser.should_upgrade():
            return
        if self._parser.get_http_version() not in _VERSIONS:  # the parser takes 0.9 and 2.0, too
            raise Stop(Unreadable(400, "This server speaks HTTP/1.1 and HTTP/1.0."))
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
        self._body_limit = self._sizes.body + self._sizes.dropped
        self.body = WholeBody(min(length or self._sizes.body, self._sizes.body))
        refusal = self._on_begun(request)
        if refusal is not None:
            raise Stop(Unreadable(refusal.status, "", refusal))
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
            self._complete(stay=self.keeps_alive)

    def _slice(self) -> int:
        return _LARGE_SLICE if self._piece > _LARGE else _SLICE

    def _begin(self) -> None:
        self.url, self.headers, self.request = b"", [], None
        self.left = self._piece = self.head = 0

    def _parse(self, data: Bytes) -> bytes:
        """Returns the bytes that have to be parsed once more."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            if self._parser.get_method() == b"CONNECT":
                raise httptools.HttpParserError("this is no proxy") from None
            again = _without_upgrade(self._parser, self.url, self.headers)
            self._begin()
            self._parser = self._new_parser()  # the old one heeds nothing behind a close
            return again + bytes(data[stop.args[0] :])
        return b""

    def _check_size(self, size: int) -> None:
        """Refuses a body that is not even read."""
        if size > self._body_limit:
            limit = min(self._body_limit, self._sizes.body)
            raise Stop(Unreadable(413, f"The body has more than {limit} bytes."))

    def _complete(self, *, stay: bool) -> None:
        request = self.request
        assert request is not None, "its headers have come"
        if isinstance(self.body, BodyStream):
            self.body.end()
        else:
            request.too_large = self.body.came > self._sizes.body
            request.body = self.body.take()
        self._over = not stay
        self._begin()
        self._on_complete(request, stay)

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser


def _without_upgrade(parser: httptools.HttpRequestParser, url: bytes, headers: Headers) -> bytes:
    """Returns the head of the request under way without its offer to upgrade. Java's HTTP client
    makes one (h2c) in every request, and the parser stops before the body of such."""
    lines = [b": ".join(header) for header in headers if header[0] not in _HOP]
    if not parser.should_keep_alive():
        lines.append(b"connection: close")
    start = b"%s %s HTTP/%s" % (parser.get_method(), url, parser.get_http_version().encode())
    return b"\r\n".join([start, *lines, b"", b""])
