"""One HTTP/1.1 connection on the reactor: reads requests whole and has them answered, in order.

httptools parses (llhttp, Node.js' parser); this is what is around it. Servers in Python have an
interface between them and the application, and a task for each request, which take more time than
all that an invocation needs: see docs/decisions.md.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from functools import partial
from time import time  # for the header Date, which no test sets
from typing import cast
from urllib.parse import unquote

import httptools

from emulator.web.exchange import Answer, Headers, Refuse, Reply, Request
from emulator.web.peers import Peer, is_crowded

_MAX_QUEUED = 16  # requests sent before the answers to earlier ones
_HOP = frozenset({b"connection", b"upgrade", b"http2-settings"})
_METHOD = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+ ")  # RFC 9110, 9.1
_GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"


class _TooLarge(Exception):
    """Raised within the parser, which has an error of its own made of it."""


class _TurnedAway(Exception):
    """As `_TooLarge`, with the reply."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


@dataclass(kw_only=True)
class Site:
    """What all connections to one listener share."""

    answer: Answer
    refuse: Refuse
    max_head: int  # bytes of a request line and headers, or of trailers
    max_body: int  # bytes that are kept of one
    max_dropped: int  # bytes that are read beside those, and dropped
    admit: Callable[[Request], Reply | None] = lambda _: None
    """Judges a request by its headers, before its body is read: a reply turns it away."""
    connections: set[Connection] = field(default_factory=set)
    closed: bool = False
    """No connection is taken any more: asyncio still brings those that were accepted before."""
    _told: tuple[int, bytes] = (0, b"")

    def always(self) -> bytes:
        """The lines that every answer has."""
        now = int(time())
        if self._told[0] != now:
            date = formatdate(now, usegmt=True)
            self._told = now, f"Date: {date}\r\nServer: taskdock\r\n".encode()
        return self._told[1]


class Connection(asyncio.Protocol):
    def __init__(
        self, site: Site, loop: asyncio.AbstractEventLoop, peer: Peer | None = None
    ) -> None:
        """`peer`: who is known to have come; None: whoever has this address."""
        self._site = site
        self._peer = peer
        self._loop = loop
        self._parser = _new_parser(self)
        self._head = 0  # bytes that came since the last headers or piece of a body were complete
        self._waiting: deque[tuple[Request | Reply, bool]] = deque()
        """Requests that wait for their answer, and maybe behind them what is answered to no
        request; with whether to stay connected then."""
        self._answering: Request | None = None
        self._ended = False  # the client sends no more
        self._deaf = False  # what the client still sends means nothing
        self._full = False  # the client does not read what it is sent
        self.idle_since = loop.time()
        self._url = b""
        self._headers: Headers = []
        self._request: Request | None = None  # whose headers are complete, and it is not
        self._body: list[bytes] = []
        self._room = 0  # bytes that the body may have yet; below it, those that were dropped

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        peer = self._peer
        if peer is None:
            address = transport.get_extra_info("peername")
            peer = self._peer = address and Peer(*address[:2])  # None: it has gone already
        others = [each.peer for each in self._site.connections]
        if peer is None or self._site.closed or is_crowded(peer, others):
            self._transport.abort()
        else:
            self._site.connections.add(self)

    @property
    def peer(self) -> Peer:
        assert self._peer is not None, "it has been let in"
        return self._peer

    def pause_writing(self) -> None:
        """What is answered to a client that does not read would fill the memory."""
        self._full = True
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        self._full = False
        self._transport.resume_reading()
        # Not at once: a transport that is closed in the middle of this call closes twice.
        self._loop.call_soon(self._answer_next)

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        try:
            while data:
                self._head += len(data)
                if self._head > max(self._site.max_head, len(data)):
                    self._refuse(431, "The headers are too large.")
                    return
                data = self._parse(data)
        except httptools.HttpParserInvalidMethodError as error:
            if _METHOD.match(data):
                self._refuse(405, "No endpoint has this method.")
            else:
                self._refuse(400, f"Invalid HTTP request received: {error}")
        except httptools.HttpParserError as error:
            cause = error.__context__
            if isinstance(cause, _TooLarge):
                self._refuse(413, f"The body has more than {self._site.max_body} bytes.")
            elif isinstance(cause, _TurnedAway):
                self._turn_away(cause.reply)
            else:
                self._refuse(400, f"Invalid HTTP request received: {error}")

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
        # The parser keeps the space behind a value, which is not of it: RFC 9110, 5.5
        self._headers.append((name.lower(), value.rstrip(b" \t")))

    def on_headers_complete(self) -> None:
        self._head = 0
        if self._deaf or self._parser.should_upgrade():
            return
        if len(self._waiting) >= _MAX_QUEUED:
            raise httptools.HttpParserError("too many requests at once")
        parsed = httptools.parse_url(self._url)
        path = (parsed.path or b"").decode("ascii")
        self._request = request = Request(
            method=self._parser.get_method().decode("ascii"),
            target=self._url,
            path=unquote(path) if "%" in path else path,
            query=parsed.query or b"",
            headers=self._headers,
            version=self._parser.get_http_version(),
            peer=self.peer,
            server=_server(self._transport),
        )
        refusal = self._site.admit(request)
        if refusal is not None:
            raise _TurnedAway(refusal)
        self._room = self._site.max_body
        self._check_size(int(request.header("content-length") or 0))
        expected = (request.header("expect") or "").lower()
        if expected == "100-continue" and request.version != "1.0":
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
        if not self._parser.should_keep_alive():
            lines.append(b"connection: close")
        version = self._parser.get_http_version().encode()
        start = b"%s %s HTTP/%s" % (self._parser.get_method(), self._url, version)
        self._begin()
        self._parser = _new_parser(self)  # the old one heeds nothing behind an upgrade and a close
        return b"\r\n".join([start, *lines, b"", b""])

    def _check_size(self, size: int) -> None:
        """Raises `_TooLarge` for a body that is not even read."""
        if size > self._site.max_body + self._site.max_dropped:
            raise _TooLarge

    def _complete(self, *, stay: bool) -> None:
        assert self._request is not None, "its headers have come"
        self._request.body = b"".join(self._body)
        self._deaf = not stay
        self._waiting.append((self._request, stay))
        self._begin()
        self._answer_next()

    def _answer_next(self) -> None:
        while self._waiting and self._answering is None and not self._full:
            request, stay = self._waiting.popleft()
            if isinstance(request, Reply):
                self._write(request, head_only=False, stay=stay)
                return
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
        head_only = request.method == "HEAD"
        try:
            self._write(reply, head_only=head_only, stay=stay)
        except Exception as error:
            self._write(self._broken(request, error), head_only=head_only, stay=stay)

    def _write(self, reply: Reply, *, head_only: bool, stay: bool) -> None:
        if self._transport.is_closing():
            return
        also = self._site.always()
        self._transport.write(reply.encoded(also=also, head_only=head_only, close=not stay))
        if not stay:
            self._waiting.clear()
            self._transport.close()

    def _broken(self, request: Request, error: Exception) -> Reply:
        self._loop.call_exception_handler(
            {"message": f"{request.method} {request.path} broke", "exception": error}
        )
        return self._site.refuse(request.path, 500, "there was an internal error")

    def _refuse(self, status: int, why: str) -> None:
        self._turn_away(self._site.refuse(self._url.decode("latin-1"), status, why))

    def _turn_away(self, reply: Reply) -> None:
        """What comes after it on this connection means nothing. Its answer comes behind those to
        what came before it."""
        self._deaf = True
        self._begin()
        self._waiting.append((reply, False))
        self._answer_next()


def _server(transport: asyncio.Transport) -> tuple[str, int]:
    """The address that was called; that of a container's loopback is nobody's here."""
    address = transport.get_extra_info("sockname")
    return address[:2] if isinstance(address, tuple) else ("localhost", 0)


def _new_parser(connection: Connection) -> httptools.HttpRequestParser:
    parser = httptools.HttpRequestParser(connection)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)
    return parser
