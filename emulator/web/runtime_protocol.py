"""What the Runtime API needs of HTTP that uvicorn leaves out, as a subclass of its protocol.

Beside what ASGI says of a request, its `scope["state"]` has:
`trailers`, a list of names (lower-case) and values that is complete when the body is;
`ended`, true once the client sends no more: it hung up, or it has only shut down its side.
"""

from __future__ import annotations

import asyncio
import json

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from emulator.web.peers import is_crowded

MAX_HEAD = 1024 * 1024 + 4096
"""Bytes of a request line and headers, or of trailers: what Go's server takes, and so AWS's.
https://pkg.go.dev/net/http#DefaultMaxHeaderBytes"""
_MAX_QUEUED = 16  # requests sent before the answers to earlier ones; runtime clients send none
_HOP = frozenset({b"connection", b"upgrade", b"http2-settings"})


class Spelled(bytes):
    """A header's name that keeps its spelling: uvicorn sends names in lower case, and there are
    runtimes, shell scripts above all, that look for them as AWS writes them."""

    def lower(self) -> bytes:
        return self


class RuntimeProtocol(HttpToolsProtocol):
    _head = 0  # bytes that came since the last headers or piece of a body were complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.client is None:
            return  # it has gone already
        others = [
            each.client
            for each in self.connections
            if isinstance(each, RuntimeProtocol) and each is not self
        ]
        if is_crowded(self.client[0], [peer[0] for peer in others if peer]):
            transport.abort()

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        try:
            while data:
                self._head += len(data)
                data = self._parse(data)
        except httptools.HttpParserError:
            self.send_400_response("Invalid HTTP request received.")
            return
        if self._head > MAX_HEAD:
            self._refuse(431, "RequestHeaderFieldsTooLarge", "The headers are too large.")

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
        super().on_headers_complete()
        if not self.parser.should_upgrade():
            # What comes now are trailers: the parser makes no difference.
            self.headers = self.scope["state"]["trailers"] = []

    def on_body(self, body: bytes) -> None:
        self._head = 0
        super().on_body(body)

    def eof_received(self) -> bool | None:  # type: ignore[override]  # asyncio's may be true
        """Keeps the connection for the answer to what has come. The last request is told."""
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            return None
        cycle.scope["state"]["ended"] = True
        cycle.keep_alive = False
        cycle.message_event.set()
        return True

    def send_400_response(self, msg: str) -> None:
        """In the shape of all errors; what comes after it on this connection means nothing."""
        self._refuse(400, "InvalidRequestFormat", msg)

    def _refuse(self, status: int, type: str, message: str) -> None:
        body = error_body(type, message)
        head = b"Content-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n"
        self.transport.write(STATUS_LINE[status] + head % len(body) + body)
        self.transport.close()


def error_body(type: str, message: str) -> bytes:
    """What AWS's Runtime API says of whatever it refuses."""
    return json.dumps({"errorMessage": message, "errorType": type}, separators=(",", ":")).encode()
