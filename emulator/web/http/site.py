"""What all connections to one listener share: what answers, who is let in, and the bounds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from time import time  # for the header Date, which no test sets
from typing import Protocol

from emulator.web.http.budget import Budget
from emulator.web.http.connection_limit import Crowd
from emulator.web.http.messages import Refuse, Reply, Request, Responder
from emulator.web.http.reader import Limits
from emulator.web.http.turns import Turns

PATIENCE = 60.0
"""Seconds within which a request has to be there, and an answer to be read a little further."""
_READ = 64 * 1024  # bytes that are taken from the kernel at once
_LONG_HEADS = 32 * 1024 * 1024  # bytes of all heads that are longer than most
_LONG_HEADS_OF_ONE = 4 * 1024 * 1024

Judgement = Reply | Budget
Judge = Callable[[Request, Callable[[Judgement], None]], None]


def _admit_all(_: Request) -> Reply | None:
    return None


def _judge_nobody(_: Request, tell: Callable[[Judgement], None]) -> None:
    tell(Budget(1 << 40))


class Open(Protocol):
    """A connection, as far as its listener ends it."""

    idle_since: float

    @property
    def is_idle(self) -> bool: ...
    def close(self) -> None: ...
    def abort(self) -> None: ...


@dataclass(kw_only=True)
class Site:
    answer: Responder
    refuse: Refuse
    max_head: int  # bytes of a request line and headers, or of trailers
    max_body: int  # bytes that are kept of one
    max_dropped: int  # bytes that are read beside those, and dropped
    admit: Callable[[Request], Reply | None] = _admit_all
    """Judges a request by its headers, before its body is read: a reply turns it away."""
    judge: Judge = _judge_nobody
    """Judges one whose body is large, and may take its time for that: tells a reply, which turns it
    away, or the budget that its body has to have room in. Called and told on the reactor."""
    patience: float | None = None
    """`PATIENCE`; None: whoever sends or reads may take any time."""
    crowd: Crowd = field(default_factory=Crowd)
    turns: Turns = field(default_factory=Turns)
    heads: Budget = field(default_factory=lambda: Budget(_LONG_HEADS, of_one=_LONG_HEADS_OF_ONE))
    connections: set[Open] = field(default_factory=set)
    closed: bool = False
    """No connection is taken any more: asyncio still brings those that were accepted before."""
    incoming: memoryview = field(default_factory=lambda: memoryview(bytearray(_READ)))
    """Where the kernel writes what comes. One is enough: it is looked at, or copied, at once."""
    _told: tuple[int, bytes] = (0, b"")

    def __post_init__(self) -> None:
        self.limits = Limits(head=self.max_head, body=self.max_body, dropped=self.max_dropped)

    def always(self) -> bytes:
        """The lines that every answer has."""
        now = int(time())
        if self._told[0] != now:
            date = formatdate(now, usegmt=True)
            self._told = now, f"Date: {date}\r\nServer: taskdock\r\n".encode()
        return self._told[1]
