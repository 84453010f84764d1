"""What both listeners need of HTTP that uvicorn leaves out, as a subclass of its protocol.

Beside what ASGI says of a request, its `scope["state"]` has:
`target`, the URI as it was sent;
`trailers`, a list of names (lower-case) and values that is complete when the body is;
`ended`, true once the client sends no more: it hung up, or it has only shut down its side; and
`at_end`, which the application may put there, to be called at that moment.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from emulator.web.peers import is_crowded

Refuse = Callable[[str, int, str], tuple[int, bytes, dict[str, str]]]
"""How a path refuses what is no request, by status and reason: status, body and headers."""
_MAX_QUEUED = 16  # requests sent before the answers to earlier ones; runtime clients send none
_HOP = frozenset({b"connection", b"upgrade", b"http2-settings"})


class Spelled(bytes):
    """A header's name that keeps its spelling: uvicorn sends names in lower case, and there are
    runtimes, shell scripts above all, that look for them as AWS writes them."""

    def lower(self) -> bytes:
        return self


class Protocol(HttpToolsProtocol):
    _head = 0  # bytes that came since the last headers or piece of a body were complete

    def __init__(self, *, refuse: Refuse, max_head: int, **given: Any) -> None:
        """`max_head`: bytes of a request line and headers, or of trailers."""
        super().__init__(**given)
        self._refusal = refuse
        self._max_head = max_head

    url = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is None:
            return  # it has gone already
        others = [
            each.client
            for each in self.connections
            if isinstance(each, Protocol) and each is not self
        ]
        if is_crowded(self.client[0], [peer[0] for peer in others if peer]):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            while data:
                self._head += len(data)
                if self._head > max(self._max_head, len(data)):
                    self._refuse(431, "The headers are too large.")
                    return
                data = self._parse(data)
        except httptools.HttpParserInvalidMethodError:
            self._refuse(405, "No endpoint has this method.")
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")

    def _parse(self, data: bytes) -> bytes:
        """Returns what has to be parsed once more."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            if self.scope["method"] == "CONNECT":
                raise httptools.HttpParserInvalidMethodError("this is no proxy") from None
            return self._without_upgrade() + data[stop.args[0] :]
        return b""

    def _should_upgrade(self) -> bool:
        """Asked only about a request that offers an upgrade, as every one of Java's HTTP client
        does (h2c). The parser would stop before its body: uvicorn is made to pass over it,
        and it is read once more without the offer."""
        return True

    def _without_upgrade(self) -> bytes:
        lines = [b": ".join(header) for header in self.headers if header[0] not in _HOP]
        start = b"%s %s HTTP/1.1" % (self.scope["method"].encode(), self.url)
        return b"\r\n".join([start, *lines, b"", b""])

    def on_headers_complete(self) -> None:
        self._head = 0
        if len(self.pipeline) >= _MAX_QUEUED:
            raise httptools.HttpParserError("too many requests at once")
        state = self.scope["state"]
        state["target"] = self.url
        super().on_headers_complete()
        if not self.parser.should_upgrade():
            # What comes now are trailers: the parser makes no difference.
            self.headers = state["trailers"] = []

    def on_body(self, body: bytes) -> None:
        self._head = 0
        super().on_body(body)

    def eof_received(self) -> bool | None:  # type: ignore[override]  # asyncio's may be true
        """Keeps the connection for the answer to what has come. The last request is told."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return None
        cycle.keep_alive = False
        self._tell_end(cycle)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self.cycle is not None and not self.cycle.response_complete:
            self._tell_end(self.cycle)

    def _tell_end(self, cycle: RequestResponseCycle) -> None:
        state = cycle.scope["state"]
        state["ended"] = True
        cycle.message_event.set()
        if "at_end" in state:
            state["at_end"]()

    def send_400_response(self, msg: str) -> None:
        """In the shape of all errors; what comes after it on this connection means nothing."""
        self._refuse(400, msg)

    def _refuse(self, status: int, why: str) -> None:
        path = self.url.decode("latin-1")
        status, body, more = self._refusal(path, status, why)
        headers = {
            "Content-Type": "application/json",
            **more,
            "Content-Length": str(len(body)),
            "Connection": "close",
        }
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.transport.write(STATUS_LINE[status] + lines.encode() + b"\r\n" + body)
        self.transport.close()
