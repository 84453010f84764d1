"""Parts of pages that many pages fetch because they were told of the same change: made once.

A page that was told names the number of the telling. A part that was begun after that telling shows
what it told, so it serves all pages with the same address and the same rights, and the application
is asked for the first of them alone. A page that names no number is served by the application.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from http import HTTPStatus

from taskdock.web.http.messages import Headers, PendingReply, Reply, Request
from taskdock.web.http.wsgi import Wsgi
from taskdock.web.ui.page import ROOT

TOLD = "taskdock-told"
"""The header with the number of the telling that a page fetches a part for."""
LIFE = 2.0
"""Seconds after which a part is made anew, also for a page that was told earlier."""
MOST_KEPT = 64  # parts
LARGEST = 256 * 1024  # bytes of one that is kept
ANSWER = 0.00025
"""Seconds of processor time that the event loop takes to answer one request with a part that is
there."""

_SAY_NOTHING = frozenset(
    {
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"cache-control",
        b"connection",
        b"if-none-match",
        b"pragma",
        b"priority",
        b"sec-ch-ua",
        b"sec-ch-ua-mobile",
        b"sec-ch-ua-platform",
        b"user-agent",
        TOLD.encode(),
    }
)
"""Headers on which no part depends. All others have to be the same: who asks is among them."""
_OF_A_BODY = ("content-length", "content-type")

_Key = tuple[str, bytes, tuple[tuple[bytes, bytes], ...]]


@dataclass(eq=False)
class _MadePart:
    told: int
    made: asyncio.Future[tuple[Reply, float]]


class ToldParts:
    """On the reactor's thread."""

    def __init__(
        self, wsgi: Wsgi, *, told: Callable[[], int], spend: Callable[[float], None]
    ) -> None:
        """`told`: the number of the last telling. `spend` counts processor time of pages."""
        self._wsgi = wsgi
        self._told = told
        self._spend = spend
        self._parts: dict[_Key, _MadePart] = {}

    def serves(self, request: Request) -> bool:
        """A signature counts once, and a container is known by its door: neither is shared."""
        return (
            request.method == "GET"
            and request.path.startswith(ROOT)
            and request.header(TOLD) is not None
            and request.header("authorization") is None
            and request.peer.address != ""
        )

    def reply(self, request: Request) -> PendingReply:
        key, told = _key(request), _number(request.header(TOLD))
        part = self._parts.get(key)
        if part is None or part.told < min(told, self._told()):
            part = self._make(key, request)
        pending = PendingReply()
        if part.made.done():
            self._answer(request, pending, part.made)  # without another turn of the loop
        else:
            part.made.add_done_callback(partial(self._answer, request, pending))
        return pending

    def forget(self) -> None:
        """Serves nobody who asks from now on with a part that was begun before."""
        self._parts.clear()

    def _answer(
        self,
        request: Request,
        pending: PendingReply,
        made: asyncio.Future[tuple[Reply, float]],
    ) -> None:
        if made.cancelled():
            return
        self._spend(ANSWER)
        error = made.exception()
        if error is not None:
            pending.give(error if isinstance(error, Exception) else RuntimeError(repr(error)))
            return
        pending.give(_unless_known(request, made.result()[0]))

    def _make(self, key: _Key, request: Request) -> _MadePart:
        headers: Headers = [
            (name, value) for name, value in request.headers if name != b"if-none-match"
        ]
        made = self._wsgi.timed_reply(replace(request, headers=headers))
        part = _MadePart(self._told(), made)
        self._parts.pop(key, None)
        self._parts[key] = part
        if len(self._parts) > MOST_KEPT:
            del self._parts[next(iter(self._parts))]
        made.add_done_callback(lambda _: self._keep(key, part))
        return part

    def _keep(self, key: _Key, part: _MadePart) -> None:
        """Or not: what is no part of a page is nobody else's."""
        made = part.made
        if made.cancelled() or made.exception() is not None:
            self._drop(key, part)
            return
        reply, seconds = made.result()
        self._spend(seconds)
        if not _may_be_shared(reply):
            self._drop(key, part)
            return
        asyncio.get_running_loop().call_later(LIFE, self._drop, key, part)

    def _drop(self, key: _Key, part: _MadePart) -> None:
        if self._parts.get(key) is part:
            del self._parts[key]


def _may_be_shared(reply: Reply) -> bool:
    small = isinstance(reply.body, bytes) and len(reply.body) <= LARGEST
    gives_cookie = any(name.lower() == "set-cookie" for name, _ in reply.headers)
    return reply.status == HTTPStatus.OK and small and not gives_cookie


def _key(request: Request) -> _Key:
    said = tuple(header for header in request.headers if header[0] not in _SAY_NOTHING)
    return request.peer.address, request.target, said


def _number(told: str | None) -> int:
    return int(told) if told and told.isascii() and told.isdecimal() and len(told) < 16 else 0


def _unless_known(request: Request, reply: Reply) -> Reply:
    """The reply, or that the client has it already: RFC 9110, 13.1.2."""
    tag = next((value for name, value in reply.headers if name.lower() == "etag"), None)
    known = request.header("if-none-match")
    if reply.status != HTTPStatus.OK or tag is None or known is None:
        return reply
    if tag not in [each.strip().removeprefix("W/") for each in known.split(",")]:
        return reply
    kept = [each for each in reply.headers if each[0].lower() not in _OF_A_BODY]
    return Reply(HTTPStatus.NOT_MODIFIED, b"", kept)
