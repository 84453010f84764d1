"""Shares the time of the event loop among connections: none of them holds it for long.

A request costs what it makes the server do, and not what it has in bytes: chunks of one byte are
some hundred times as dear as the same bytes at once. So time is measured. What a connection has
sent is looked at in slices, and when all together have had a moment in one turn of the loop, what
is left waits for the next, each caller's turn behind the other's; whoever waits is not read from.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from time import perf_counter

MOMENT = 0.0001
"""Seconds of one turn of the loop, in which all else waits: an invocation takes some seven turns,
and a millisecond while nothing else goes on."""
_LULL = 10 * MOMENT  # what was used before belongs to turns that have passed


class Turns:
    """On the reactor's thread."""

    def __init__(self, moment: float = MOMENT) -> None:
        self._moment = moment
        self.came = 0
        """Bytes that all connections have brought."""
        self._used = 0.0  # seconds, since
        self._since = 0.0
        self._queues: dict[Hashable, deque[Callable[[], object]]] = {}
        self._next: asyncio.Handle | None = None

    @property
    def full(self) -> bool:
        """Whoever comes now has to wait."""
        return self._next is not None

    def begin(self) -> float:
        """Now, for `is_over` and `end`."""
        now = perf_counter()
        if now - self._since > _LULL and self._next is None:
            self._since, self._used = now, 0.0
        return now

    def is_over(self, began: float) -> bool:
        return self._used + perf_counter() - began > self._moment

    def end(self, began: float, loop: asyncio.AbstractEventLoop) -> None:
        self._used += perf_counter() - began
        if self._used > self._moment and self._next is None:
            self._next = loop.call_soon(self._turn, loop)

    def wait(
        self, who: Hashable, work: Callable[[], object], loop: asyncio.AbstractEventLoop
    ) -> None:
        """Has `work` done in one of the next turns: it begins and ends as any other."""
        self._queues.setdefault(who, deque()).append(work)
        if self._next is None:
            self._next = loop.call_soon(self._turn, loop)

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        self._used = 0.0
        self._since = perf_counter()
        try:
            while self._queues and self._used <= self._moment:
                who = next(iter(self._queues))
                works = self._queues.pop(who)
                work = works.popleft()
                if works:
                    self._queues[who] = works  # behind the others
                work()
        finally:
            self._next = loop.call_soon(self._turn, loop) if self._queues else None
