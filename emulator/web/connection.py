"""One HTTP/1.1 connection on the reactor: reads requests whole and has them answered, in order.

httptools parses (llhttp, Node.js' parser); this is what is around it. Servers in Python have an
interface between them and the application, and a task for each request, which take more time than
all that an invocation needs: see docs/decisions.md.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial
from time import time  # for the header Date, which no test sets
from typing import cast
from urllib.parse import unquote

import httptools

from emulator.web.exchange import Answer, Headers, Refuse, Reply, Request
from emulator.web.peers import is_crowded

_MAX_QUEUED = 16  # requests sent before the answers to earlier ones
_HOP = frozenset({b"connection", b"upgrade", b"http2-settings"})
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


class _TooLarge(Exception):
    """Raised within the parser, which has an error of its own made of it."""


@dataclass(kw_only=True)
class Site:
    """What all connections to one listener share."""

    answer: Answer
    refuse: Refuse
    max_head: int  # bytes of a request line and headers, or of trailers
    max_body: int  # bytes that are kept of one
    max_dropped: int  # bytes that are read beside those, and dropped
    connections: set[Connection] = field(default_factory=set)
    _told: tuple[int, bytes] = (0, b"")

    def always(self) -> bytes:
        """The lines that every answer has."""
        now = int(time())
        if self._told[0] != now:
            date = formatdate(now, usegmt=True)
            self._told = now, f"Date: {date}\r\nServer: taskdock\r\n".encode()
        return self._told[1]


class Connection(asyncio.Protocol):
    def __init__(self, site: Site, loop: asyncio.AbstractEventLoop) -> None:
        self._site = site
        self._loop = loop
        self._parser = httptools.HttpRequestParser(self)
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)
        self._head = 0  # bytes that came since the last headers or piece of a body were complete
        self._waiting: deque[tuple[Request, bool]] = deque()  # with whether to stay connected
        self._answering: Request | None = None
        self._ended = False  # the client sends no more
        self.idle_since = loop.time()
        self._url = b""
        self._headers: Headers = []
        self._request: Request | None = None  # whose headers are complete, and it is not
        self._body: list[bytes] = []
        self._room = 0  # bytes that the body may have yet; below it, those that were dropped

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.client = transport.get_extra_info("peername")
        self._server = transport.get_extra_info("sockname")
        others = [each.client[0] for each in self._site.connections]
        self._site.connections.add(self)
        if self.client is None or is_crowded(self.client[0], others):
            self._transport.abort()

    def data_received(self, data: bytes) -> None:
        try:
            while data:
                self._head += len(data)
                if self._head > max(self._site.max_head, len(data)):
                    self._refuse(431, "The headers are too large.")
                    return
                data = self._parse(data)
        except httptools.HttpParserInvalidMethodError:
            self._refuse(405, "No endpoint has this method.")
        except httptools.HttpParserError as error:
            if isinstance(error.__context__, _TooLarge):
                self._refuse(413, f"The body has more than {self._site.max_body} bytes.")
            else:
                self._refuse(400, "Invalid HTTP request received.")

    def eof_received(self) -> bool:
        """Keeps the connection for the answers to what has come."""
        self._ended = True
        if self._request is not None:
            self._request.truncated = True
            self._complete(stay=False)
        if self._answering is not None:
            self._answering.at_end()
        return self._answering is not None

    def connection_lost(self, _: Exception | None) -> None:
        self._site.connections.discard(self)
        self._ended = True
        self._waiting.clear()
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

    # What the parser tells

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        self._head = 0
        if len(self._waiting) >= _MAX_QUEUED:
            raise httptools.HttpParserError("too many requests at once")
        if self._parser.should_upgrade():
            return
        parsed = httptools.parse_url(self._url)
        path = (parsed.path or b"").decode("ascii")
        self._request = request = Request(
            method=self._parser.get_method().decode("ascii"),
            target=self._url,
            path=unquote(path) if "%" in path else path,
            query=parsed.query or b"",
            headers=self._headers,
            version=self._parser.get_http_version(),
            client=self.client[:2],
            server=self._server[:2],
        )
        self._room = self._site.max_body
        self._check_size(int(request.header("content-length") or 0))
        if (request.header("expect") or "").lower() == "100-continue":
            self._transport.write(_GO_ON)
        self._headers = request.trailers  # the parser makes no difference

    def on_body(self, body: bytes) -> None:
        self._head = 0
        if self._request is None:
            return
        if self._room >= 0:
            self._body.append(body[: self._room])
        self._room -= len(body)
        self._request.too_large = self._room < 0
        self._check_size(self._site.max_body - self._room)

    def on_message_complete(self) -> None:
        if self._request is not None:
            version = self._request.version
            self._complete(stay=version != "1.0" and self._parser.should_keep_alive())

    # Requests

    def _begin(self) -> None:
        self._url, self._headers, self._request, self._body = b"", [], None, []

    def _parse(self, data: bytes) -> bytes:
        """Returns what has to be parsed once more."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            if self._parser.get_method() == b"CONNECT":
                raise httptools.HttpParserError("this is no proxy") from None
            return self._without_upgrade() + data[stop.args[0] :]
        return b""

    def _without_upgrade(self) -> bytes:
        """A request that offers an upgrade, as every one of Java's HTTP client does (h2c): the
        parser stops before its body. It is read once more without the offer."""
        lines = [b": ".join(header) for header in self._headers if header[0] not in _HOP]
        start = b"%s %s HTTP/1.1" % (self._parser.get_method(), self._url)
        self._begin()
        return b"\r\n".join([start, *lines, b"", b""])

    def _check_size(self, size: int) -> None:
        """Raises `_TooLarge` for a body that is not even read."""
        if size > self._site.max_body + self._site.max_dropped:
            raise _TooLarge

    def _complete(self, *, stay: bool) -> None:
        assert self._request is not None, "its headers have come"
        self._request.body = b"".join(self._body)
        self._waiting.append((self._request, stay))
        self._begin()
        self._answer_next()

    def _answer_next(self) -> None:
        while self._waiting and self._answering is None:
            request, stay = self._waiting.popleft()
            self._answering = request
            try:
                reply = self._site.answer(request)
            except Exception as error:
                reply = self._broken(request, error)
            if isinstance(reply, Reply):
                self._send(reply, request, stay)
            else:
                reply.then(partial(self._send_later, request, stay))

    def _send_later(self, request: Request, stay: bool, reply: Reply | Exception) -> None:
        if isinstance(reply, Exception):
            reply = self._broken(request, reply)
        self._send(reply, request, stay)
        self._answer_next()

    def _send(self, reply: Reply, request: Request, stay: bool) -> None:
        self._answering = None
        self.idle_since = self._loop.time()
        stay = stay and not (self._ended and not self._waiting)
        if self._transport.is_closing():
            return
        self._transport.write(
            reply.encoded(
                also=self._site.always(), head_only=request.method == "HEAD", close=not stay
            )
        )
        if not stay:
            self._waiting.clear()
            self._transport.close()

    def _broken(self, request: Request, error: Exception) -> Reply:
        self._loop.call_exception_handler(
            {"message": f"{request.method} {request.path} broke", "exception": error}
        )
        return self._site.refuse(request.path, 500, "there was an internal error")

    def _refuse(self, status: int, why: str) -> None:
        """What comes after it on this connection means nothing."""
        reply = self._site.refuse(self._url.decode("latin-1"), status, why)
        self._transport.write(reply.encoded(also=self._site.always(), head_only=False, close=True))
        self._transport.close()
