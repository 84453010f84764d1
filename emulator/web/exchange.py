"""A request and what is answered, over ASGI as `protocol` has it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from emulator.web.protocol import Spelled

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

JSON = ("Content-Type", "application/json")
_NOT_IN_A_HEADER = re.compile(rb"[\x00-\x1f\x7f]")


class Truncated(Exception):
    """The body is shorter than was said, or its end never came."""


class Request:
    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.query: bytes = scope["query_string"]
        self.headers: list[tuple[bytes, bytes]] = scope["headers"]
        """Names in lower case, as often as they were sent."""
        self.client: tuple[str, int] | None = scope["client"]
        self.server: tuple[str, int | None] | None = scope["server"]
        self.version: str = scope["http_version"]
        self._state: dict[str, Any] = scope["state"]
        self._receive = receive

    @property
    def target(self) -> bytes:
        """The URI as it was sent."""
        target: bytes = self._state["target"]
        return target

    def header(self, name: str) -> str | None:
        """The last of that name, which is in lower case."""
        return _value(self.headers, name)

    def trailer(self, name: str) -> str | None:
        """Behind the body only."""
        return _value(self._state["trailers"], name)

    async def body(self, most: int) -> bytes:
        """All of it, or `most` bytes and one more of what is too large. Raises `Truncated`."""
        body = bytearray()
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Truncated
            body += message["body"][: most + 1 - len(body)]
            if not message["more_body"]:
                return bytes(body)
            if self._state.get("ended"):
                raise Truncated

    def at_end(self, hung_up: Callable[[], None]) -> None:
        """`hung_up` is called when the client sends no more, at once if that is so already."""
        self._state["at_end"] = hung_up
        if self._state.get("ended"):
            hung_up()


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: Iterable[tuple[str, str]] = (JSON,)

    async def send(self, send: Send) -> None:
        length: str | None = None if self.status in (204, 304) else str(len(self.body))
        headers: list[tuple[bytes, bytes]] = []
        for name, value in self.headers:
            if name.lower() == "content-length":
                length = value  # the answer to HEAD tells another's
            else:
                headers.append((Spelled(name.encode()), _in_a_header(value)))
        if length is not None:
            headers.append((b"content-length", length.encode()))  # uvicorn knows it only so
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def _in_a_header(value: str) -> bytes:
    """A client's context is JSON, which can have line ends between its words."""
    return _NOT_IN_A_HEADER.sub(b" ", value.encode(errors="replace"))


def _value(headers: list[tuple[bytes, bytes]], name: str) -> str | None:
    wanted, value = name.encode(), None
    for each, said in headers:
        if each == wanted:
            value = said
    return None if value is None else value.decode("latin-1")
