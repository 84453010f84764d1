"""A request to the Runtime API and what is answered, over ASGI as `runtime_protocol` has it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from emulator.lambdas.outcome import MAX_RESPONSE
from emulator.web.runtime_protocol import Spelled, error_body

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
        self._headers: dict[bytes, bytes] = dict(scope["headers"])
        self._state: dict[str, Any] = scope["state"]
        self._receive = receive

    def header(self, name: str) -> str | None:
        return _value(self._headers, name)

    def trailer(self, name: str) -> str | None:
        """Behind the body only."""
        return _value(dict(self._state["trailers"]), name)

    async def body(self) -> bytes:
        """All of it, or as much as shows that it is too large. Raises `Truncated`."""
        body = bytearray()
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Truncated
            body += message["body"][: MAX_RESPONSE + 1 - len(body)]
            if not message["more_body"]:
                return bytes(body)
            if self._state.get("ended"):
                raise Truncated

    async def end(self) -> None:
        """Returns when the runtime has hung up."""
        while not self._state.get("ended"):
            if (await self._receive())["type"] == "http.disconnect":
                return


@dataclass(frozen=True)
class Reply:
    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = (JSON,)

    async def send(self, send: Send) -> None:
        headers = [
            *((Spelled(name.encode()), _in_a_header(value)) for name, value in self.headers),
            (b"content-length", str(len(self.body)).encode()),  # uvicorn knows it only so
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def _in_a_header(value: str) -> bytes:
    """A client's context is JSON, which can have line ends between its words."""
    return _NOT_IN_A_HEADER.sub(b" ", value.encode(errors="replace"))


def error(status: int, type: str, message: str) -> Reply:
    return Reply(status, error_body(type, message))


def _value(headers: dict[bytes, bytes], name: str) -> str | None:
    value = headers.get(name.encode())
    return None if value is None else value.decode("latin-1")
