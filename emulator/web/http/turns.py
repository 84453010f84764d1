"""Shares the time of the event loop among connections, so that none of them holds it for long.

The cost of a request is the work that it makes, not its bytes: chunks of one byte cost some hundred
times as much as the same bytes at once. So time is measured. The bytes of a connection are parsed
in slices. When all connections together have had a moment in one turn of the loop, the rest waits
for the next turn, one caller behind the other, and a caller that waits is not read from.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Hashable
from time import perf_counter

MOMENT = 0.0001
"""Seconds of one turn of the loop, in which everything else waits. An invocation takes some seven
turns, and a millisecond when nothing else happens."""
_LULL = 10 * MOMENT  # time that was used before belongs to turns that have passed


class Turns:
    """On the reactor's thread."""

    def __init__(self, moment: float = MOMENT) -> None:
        self._moment = moment
        self.came = 0
        """Bytes that all connections have received."""
        self._used = 0.0  # seconds, since
        self._since = 0.0
        self._queues: dict[Hashable, deque[Callable[[], object]]] = {}
        self._next: asyncio.Handle | None = None

    @property
    def full(self) -> bool:
        """A connection that receives something now has to wait."""
        return self._next is not None

    def begin(self) -> float:
        """Begins to measure; returns the time for `is_over` and `end`."""
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
        """Calls `work` in one of the next turns; `work` calls `begin` and `end`. `who`: the caller,
        whose turn is behind that of the others."""
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
