"""Who waits for an environment: a line for each fingerprint, and the order in which they came.

They are served in a turn of the loop of their own, never from inside a change of something: so what
is chosen, reserved and admitted in one turn is still true at its end.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import count

from emulator.base.timing.clock import Clock
from emulator.lambdas.environment.environment import Environment
from emulator.lambdas.functions.function import Function
from emulator.lambdas.lifecycle import State
from emulator.lambdas.outcome import Failure

Found = tuple[Environment, State]
"""An environment that is reserved now, and the state that it was in."""


class Wait(Enum):
    """What a call waits for; its value says so to people."""

    ENVIRONMENT = "an environment of its own that has just answered"
    REMOVAL = "the removal of what gave way to it"
    ROOM = "room: all that holds it works"


@dataclass(eq=False)
class Waiter:
    """A call for which there was neither an environment nor room."""

    function: Function
    number: int
    """Grows with each that comes."""
    since: float  # monotonic
    turn: asyncio.Future[Found | Failure]
    why: Wait = field(default=Wait.ROOM)


@dataclass(frozen=True, kw_only=True)
class WaitingCalls:
    """Calls of one fingerprint that wait, for who looks."""

    function: str
    memory: int  # MB that each of them needs
    calls: int
    since: float
    """When the oldest came, monotonic."""
    why: Wait


Take = Callable[[Function, int], Found | Failure | Wait]
"""What there is for a call of this function now, behind so many of its fingerprint that wait for an
environment that is almost free."""


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
        """`look` is called once for each time that they are served. `too_late`: what a call is told
        that has waited for so many seconds; `give_back` is called where nobody is left to use what
        was found."""
        self._loop = loop
        self._clock = clock
        self._look = look
        self._too_late = too_late
        self._give_back = give_back
        self._lines: dict[
            str, dict[Waiter, None]
        ] = {}  # by fingerprint; each in the order of coming
        self._numbers = count()
        self._soon: asyncio.Handle | None = None
        self._later: asyncio.TimerHandle | None = None

    def __bool__(self) -> bool:
        return bool(self._lines)

    async def wait(self, function: Function, patience: float) -> Found | Failure:
        """What is found for it within `patience` seconds; at once, where nobody else waits.

        Raises what `look` and what it gives raise for this call.
        """
        alone = not self._lines
        turn: asyncio.Future[Found | Failure] = self._loop.create_future()
        waiter = Waiter(function, next(self._numbers), self._clock.monotonic(), turn)
        self._lines.setdefault(function.fingerprint, {})[waiter] = None
        if alone:
            self.serve()
        else:
            self.serve_soon()
        over = self._loop.call_later(max(patience, 0), self._give_up, waiter, patience)
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
        if self._lines and self._soon is None:
            self._soon = self._loop.call_soon(self.serve)

    def serve_later(self, seconds: float) -> None:
        """Something will have changed by then, and nobody else tells of it."""
        moment = self._loop.time() + seconds
        if self._later is not None:
            if self._later.when() <= moment:
                return
            self._later.cancel()
        self._later = self._loop.call_at(moment, self._serve_later)

    def _serve_later(self) -> None:
        self._later = None
        self.serve()

    def serve(self) -> None:
        if self._soon is not None:
            self._soon.cancel()
            self._soon = None
        if not self._lines:
            return
        take, ahead = self._look(), Counter[str]()

        def serve(waiter: Waiter) -> bool:
            fingerprint = waiter.function.fingerprint
            try:
                found = take(waiter.function, ahead[fingerprint])
            except Exception as error:  # its own: those behind it are served all the same
                self._leave(waiter)
                waiter.turn.set_exception(error)
                return True
            if isinstance(found, Wait):
                waiter.why = found
                ahead[fingerprint] += found is Wait.ENVIRONMENT
                return found is not Wait.ROOM  # else the next of the line finds none either
            self._leave(waiter)
            waiter.turn.set_result(found)
            return True

        self._visit(serve)

    def _give_up(self, waiter: Waiter, patience: float) -> None:
        if not waiter.turn.done():
            self._leave(waiter)
            waiter.turn.set_result(self._too_late(waiter.function, patience))

    def _leave(self, waiter: Waiter) -> None:
        """Harmless for one that has left."""
        fingerprint = waiter.function.fingerprint
        line = self._lines.get(fingerprint, {})
        line.pop(waiter, None)
        if not line:
            self._lines.pop(fingerprint, None)

    def _visit(self, serve: Callable[[Waiter], bool]) -> None:
        """Asks `serve` of each, the oldest first; where it says no, the rest of that line is passed
        over. `serve` may have the waiter leave.

        So a visit takes as long as there are lines, however long they are.
        """
        heads: list[tuple[int, Waiter, Iterator[Waiter]]] = []
        for line in list(self._lines.values()):
            rest = iter(list(line))
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
        """The line of the oldest first; any thread may ask."""
        found = []
        for line in list(self._lines.values()):
            waiters = list(line)
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
        return sorted(found, key=lambda line: line.since)
