"""The state that the connections to one listener share: responder, admission, bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from time import time  # for the header Date, which no test sets
from typing import Protocol

from taskdock.base.timing.limits import Limits
from taskdock.web.http.budget import Budget
from taskdock.web.http.connection_limit import Crowd
from taskdock.web.http.messages import Refuse, Reply, Request, Responder
from taskdock.web.http.turns import Turns

_READ = 64 * 1024  # bytes that are taken from the kernel at once
_LONG_HEADS = 32 * 1024 * 1024  # bytes of all heads that are longer than `budget.SMALL`
_LONG_HEADS_OF_ONE = 4 * 1024 * 1024

Judgement = Reply | Budget
Judge = Callable[[Request, Callable[[Judgement], None]], None]


def _admit_all(_: Request) -> Reply | None:
    return None


def _judge_nobody(_: Request, decide: Callable[[Judgement], None]) -> None:
    decide(Budget(1 << 40))


def _stream_nothing(_: Request) -> bool:
    return False


class Open(Protocol):
    """A connection, as far as its listener ends it."""

    idle_since: float

    @property
    def is_idle(self) -> bool: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


@dataclass(frozen=True, kw_only=True)
class SizeLimits:
    head: int
    """Bytes of a request line and headers, or of trailers."""
    body: int
    """Bytes that are kept of a body."""
    dropped: int
    """Bytes that are read beyond `body`, and dropped."""


@dataclass(kw_only=True)
class Site:
    answer: Responder
    refuse: Refuse
    max_head: int
    """Bytes of a request line and headers, or of trailers."""
    max_body: int
    """Bytes that are kept of a body."""
    max_dropped: int
    """Bytes of a body that are read beyond `max_body`, and dropped."""
    admit: Callable[[Request], Reply | None] = _admit_all
    """Judges a request by its headers, before its body is read: a reply refuses it."""
    judge: Judge = _judge_nobody
    """Judges a request with a large body by its headers, maybe later. Passes to its second argument
    a reply, which refuses the request, or the budget in which the body has to have room. Called,
    and to call back, on the reactor's thread."""
    streams: Callable[[Request], bool] = _stream_nothing
    """Whether the endpoint takes the body as it arrives (`Request.stream`), judged by the headers
    of a request that `admit` has let in."""
    patience: float | None = None
    """Seconds within which a request has to be complete, and some more of a reply to be read;
    None: any time."""
    crowd: Crowd = field(default_factory=Crowd)
    turns: Turns = field(default_factory=Turns)
    heads: Budget = field(default_factory=lambda: Budget(_LONG_HEADS, of_one=_LONG_HEADS_OF_ONE))
    connections: set[Open] = field(default_factory=set)
    closed: bool = False
    """No connection is taken any more: asyncio still brings those that it accepted before."""
    limits: Limits = field(default_factory=Limits)
    """The limits in the section HTTP are used here."""
    incoming: memoryview = field(default_factory=lambda: memoryview(bytearray(_READ)))
    """The buffer for reads from the kernel. One is enough: its content is parsed or copied before
    the next read."""
    _dated: tuple[int, bytes] = (0, b"")  # the second, and the lines of it

    def __post_init__(self) -> None:
        self.sizes = SizeLimits(head=self.max_head, body=self.max_body, dropped=self.max_dropped)

    def always(self) -> bytes:
        """The header lines that every reply has."""
        now = int(time())
        if self._dated[0] != now:
            date = formatdate(now, usegmt=True)
            self._dated = now, f"Date: {date}\r\nServer: taskdock\r\n".encode()
        return self._dated[1]
