"""Calls that wait for an environment: a queue for each fingerprint, in order of arrival.

They are served in a turn of the event loop of their own, never from inside a change of something.
So a choice, its reservation and its admission are still true at the end of that turn.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import count

from taskdock.base.timing.clock import Clock, Timer
from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.lifecycle import State
from taskdock.lambdas.outcome import Failure

Found = tuple[Environment, State]
"""An environment that is reserved now, and the state in which it was before."""


class Wait(Enum):
    """The reason why a call waits; the value says so to people."""

    ENVIRONMENT = "an environment of its own that has just answered"
    REMOVAL = "the removal of what gave way to it"
    ROOM = "room: all that holds it works"


@dataclass(eq=False)
class Waiter:
    """A call for which there was neither an environment nor room."""

    function: Function
    number: int
    """Grows with each call that comes."""
    since: float  # monotonic
    turn: asyncio.Future[Found | Failure]
    why: Wait = field(default=Wait.ROOM)


@dataclass(frozen=True, kw_only=True)
class WaitingCalls:
    """Calls of one fingerprint that wait, for reports."""

    function: str
    memory: int  # MB that each of them needs
    calls: int
    since: float
    """The time at which the oldest of the calls came, monotonic."""
    why: Wait


Take = Callable[[Function, int], Found | Failure | Wait]
"""Finds an environment for a call of this function now, or a reason to wait. The number: how many
earlier calls of its fingerprint wait for an environment that is almost free."""


class Waiters:
    """On the reactor's thread, but for `report`."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        look: Callable[[], Take],
        too_late: Callable[[Function, float], Failure],
        give_back: Callable[[Found], object],
    ) -> None:
        """`look` is called once each time that calls are served. `too_late` makes the failure of a
        call that has waited for so many seconds. `give_back` is called with an environment that
        was found for a call that has gone meanwhile."""
        self._loop = loop
        self._clock = clock
        self._look = look
        self._too_late = too_late
        self._give_back = give_back
        self._queues: dict[str, dict[Waiter, None]] = {}  # by fingerprint; in order of arrival
        self._numbers = count()
        self._soon: asyncio.Handle | None = None
        self._later: Timer | None = None
        self._later_at = 0.0  # monotonic

    def __bool__(self) -> bool:
        return bool(self._queues)

    async def wait(self, function: Function, patience: float) -> Found | Failure:
        """Waits `patience` seconds at most for an environment; none at all where one is found at
        once and nobody else waits.

        Raises the exceptions that `look` and its result raise for this call.
        """
        alone = not self._queues
        turn: asyncio.Future[Found | Failure] = self._loop.create_future()
        waiter = Waiter(function, next(self._numbers), self._clock.monotonic(), turn)
        self._queues.setdefault(function.fingerprint, {})[waiter] = None
        if alone:
            self.serve()
        else:
            self.serve_soon()
        over = self._clock.call_later(self._loop, max(patience, 0), self._give_up, waiter, patience)
        try:
            return await turn
        except asyncio.CancelledError:
            self._leave(waiter)
            served = turn.done() and not turn.cancelled() and turn.exception() is None
            found = turn.result() if served else None
            if isinstance(found, tuple):
                self._give_back(found)
            raise
        finally:
            over.cancel()

    def serve_soon(self) -> None:
        """Something has changed."""
        if self._queues and self._soon is None:
            self._soon = self._loop.call_soon(self.serve)

    def serve_later(self, seconds: float) -> None:
        """Something will have changed by then, and nobody else will call `serve_soon` for it."""
        moment = self._clock.monotonic() + seconds
        if self._later is not None:
            if self._later_at <= moment:
                return
            self._later.cancel()
        self._later_at = moment
        self._later = self._clock.call_later(self._loop, seconds, self._serve_later)

    def _serve_later(self) -> None:
        self._later = None
        self.serve()

    def serve(self) -> None:
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if not self._queues:
            return
        take, ahead = self._look(), Counter[str]()

        def serve(waiter: Waiter) -> bool:
            if waiter.turn.done():  # cancelled, and its coroutine has not gone on yet
                self._leave(waiter)
                return True
            fingerprint = waiter.function.fingerprint
            try:
                found = take(waiter.function, ahead[fingerprint])
            except Exception as error:  # of this call alone: those behind it are served
                self._leave(waiter)
                waiter.turn.set_exception(error)
                return True
            if isinstance(found, Wait):
                waiter.why = found
                ahead[fingerprint] += found is Wait.ENVIRONMENT
                return found is not Wait.ROOM  # else the next one in the queue finds none either
            self._leave(waiter)
            waiter.turn.set_result(found)
            return True

        self._visit(serve)

    def refuse(self, failure: Failure) -> None:
        """Ends the wait of all that wait now."""
        for waiter in [waiter for queue in self._queues.values() for waiter in queue]:
            self._leave(waiter)
            if not waiter.turn.done():
                waiter.turn.set_result(failure)

    def _give_up(self, waiter: Waiter, patience: float) -> None:
        if not waiter.turn.done():
            self._leave(waiter)
            waiter.turn.set_result(self._too_late(waiter.function, patience))

    def _leave(self, waiter: Waiter) -> None:
        """Harmless for one that has left."""
        fingerprint = waiter.function.fingerprint
        queue = self._queues.get(fingerprint, {})
        queue.pop(waiter, None)
        if not queue:
            self._queues.pop(fingerprint, None)

    def _visit(self, serve: Callable[[Waiter], bool]) -> None:
        """Calls `serve` with each waiter, the oldest first. Where that returns False, the rest of
        the waiter's queue is passed over. `serve` may have the waiter leave.

        So the time of a visit grows with the number of queues, not with their length.
        """
        heads: list[tuple[int, Waiter, Iterator[Waiter]]] = []
        for queue in list(self._queues.values()):
            rest = iter(list(queue))
            first = next(rest)
            heads.append((first.number, first, rest))
        heapq.heapify(heads)
        while heads:
            _, waiter, rest = heads[0]
            following = next(rest, None) if serve(waiter) else None
            if following is None:
                heapq.heappop(heads)
            else:
                heapq.heapreplace(heads, (following.number, following, rest))

    def report(self) -> list[WaitingCalls]:
        """The queue of the oldest call first; any thread may ask."""
        found = []
        for queue in list(self._queues.values()):
            waiters = list(queue)
            if waiters:
                first = waiters[0]
                found.append(
                    WaitingCalls(
                        function=first.function.name,
                        memory=first.function.memory_limit,
                        calls=len(waiters),
                        since=first.since,
                        why=first.why,
                    )
                )
        return sorted(found, key=lambda queue: queue.since)
