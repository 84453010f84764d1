"""The stock: containers that were started ahead of need and wait for a function.

Starting a container takes most of a cold start, and needs to know only what is fixed for it: its
runtime's image and its memory. Which kinds are wanted, and how many of each, is learned from what
starts. The stock is made when nothing else starts, in room that nobody holds, and gives way to
whoever needs that room. It lives on the reactor's thread.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple

from emulator import ids
from emulator.clock import Clock
from emulator.engines.ending import ProgramExit
from emulator.engines.engine import Container, Engine
from emulator.errors import EngineError
from emulator.functions.function import Function
from emulator.lambdas.environment import Environment
from emulator.lambdas.lifecycle import State
from emulator.lambdas.outfitter import Outfitter
from emulator.lambdas.placement import Slot, StockLevel
from emulator.notices import Notices
from emulator.reactor import Reactor

MOST = 8  # that are prepared of one kind because so many were once started at a time
_CALM = 1.0  # seconds without a start, after which the stock is made up
_AFTER_FAILURE = 60.0  # seconds without a try
_ENDED = "the container has ended"


class Kind(NamedTuple):
    """What is fixed for a container before its function is known."""

    runtime: str
    memory: int  # MB


class Prepared:
    """A container without a function. The engine tells it what it then tells its environment."""

    def __init__(self, kind: Kind, lost: Callable[[Prepared], None]) -> None:
        self.id = ids.word(32)
        self.kind = kind
        self.image = ""
        self.container: Container | None = None
        self.environment: Environment | None = None
        self.made: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Whether there is a container; none: the engine failed."""
        self.ended = False
        """By itself, and before anybody took it."""
        self._lost = lost

    @property
    def slot(self) -> Slot:
        """The first to give way."""
        memory = self.kind.memory
        return Slot(id=self.id, version="", state=State.READY, memory=memory, since=float("-inf"))

    def output(self, line: bytes) -> None:
        if self.environment is not None:
            self.environment.output(line)

    def flushed(self, peak: int) -> None:
        if self.environment is not None:
            self.environment.flushed(peak)

    def exited(self, exit: ProgramExit) -> None:
        if self.environment is not None:
            self.environment.exited(exit)

    def called(self, letter: str, connection: socket.socket) -> None:
        if self.environment is not None:
            self.environment.called(letter, connection)
        else:
            connection.close()

    def gone(self) -> None:
        if self.environment is not None:
            self.environment.gone()
        else:
            self.ended = True
            self._lost(self)


@dataclass
class Demand:
    """How containers of one kind were wanted."""

    function: Function
    """The last one that wanted one: all of a kind have the same image."""
    at: float
    """When that was, on a monotonic clock."""
    starting: int = 0
    peak: int = 0
    """How many were started side by side, at most."""

    def wanted(self, each: int) -> int:
        """`each`: how many of every kind in use; 0: none of any."""
        return max(each, min(self.peak, MOST)) if each else 0


class Stock:
    def __init__(
        self,
        *,
        engine: Engine,
        outfitter: Outfitter,
        reactor: Reactor,
        starters: Executor,
        errands: Executor,
        each: int,
        fits: Callable[[int], bool],
        clock: Clock,
        notices: Notices,
    ) -> None:
        """`each`: how many to prepare of every kind in use; 0: none.

        `starters` make containers, `errands` remove them; `fits`: whether there is room for so many
        MB more.
        """
        self._engine = engine
        self._outfitter = outfitter
        self._reactor = reactor
        self._starters = starters
        self._errands = errands
        self._each = each
        self._fits = fits
        self._clock = clock
        self._notices = notices
        self._demands: dict[Kind, Demand] = {}
        self._prepared: dict[str, Prepared] = {}
        self._making: Prepared | None = None
        self._filling: asyncio.Task[None] | None = None
        self._not_before = 0.0  # monotonic
        self._closed = False

    @property
    def slots(self) -> list[Slot]:
        return [each.slot for each in list(self._prepared.values())]

    def levels(self) -> list[StockLevel]:
        """Any thread may ask."""
        count = Counter(each.kind for each in list(self._prepared.values()))
        return [
            StockLevel(
                runtime=kind.runtime,
                memory=kind.memory,
                count=count[kind],
                wanted=demand.wanted(self._each),
            )
            for kind, demand in sorted(self._demands.items())
        ]

    def expect(self, function: Function) -> None:
        """It will be called: its kind is in use."""
        self._note(function)
        self.fill()

    def _note(self, function: Function) -> Kind | None:
        kind = self._kind(function)
        if kind is not None:
            demand = self._demands.setdefault(kind, Demand(function, 0.0))
            demand.function, demand.at = function, self._clock.monotonic()
        return kind

    def has(self, function: Function) -> bool:
        """Whether one is prepared for it: that has its room already."""
        return self._find(self._kind(function)) is not None

    def take(self, function: Function) -> Prepared | None:
        """One for this function, which starts now: `started` is to be called when it has.

        It may still be in the making.
        """
        kind = self._note(function)
        if kind is None:
            return None
        demand = self._demands[kind]
        demand.starting += 1
        demand.peak = max(demand.peak, demand.starting)
        found = self._find(kind)
        if found is not None:
            return self._prepared.pop(found.id)
        making, self._making = self._making, None
        if making is None or making.kind == kind:
            return making
        self._making = making
        return None

    def started(self, function: Function) -> None:
        kind = self._kind(function)
        if kind is not None and kind in self._demands:
            self._demands[kind].starting -= 1
            self._not_before = max(self._not_before, self._clock.monotonic() + _CALM)

    def fill(self) -> None:
        """Prepares what is missing, one after the other, as long as nothing else starts."""
        if self._filling is None or self._filling.done():
            self._filling = self._reactor.loop.create_task(self._fill())

    def expire(self, after: float) -> None:
        """Gives up the kinds that nobody has wanted for so many seconds."""
        now = self._clock.monotonic()
        for kind, demand in list(self._demands.items()):
            if not demand.starting and now - demand.at >= after:
                del self._demands[kind]
                for each in [each for each in self._prepared.values() if each.kind == kind]:
                    self.discard(each.id)

    def discard(self, id: str) -> None:
        self._errands.submit(self._remove, self._prepared.pop(id))

    async def close(self) -> None:
        """Returns when nothing is left."""
        self._closed = True
        if self._filling is not None:
            await asyncio.wait((self._filling,))
        left = [self._prepared.pop(id) for id in list(self._prepared)]
        loop = self._reactor.loop
        removals = [loop.run_in_executor(self._errands, self._remove, each) for each in left]
        await asyncio.gather(*removals)

    def _kind(self, function: Function) -> Kind | None:
        if not self._each or not self._outfitter.prepares(function):
            return None
        return Kind(function.runtime or "", function.memory_limit)

    def _find(self, kind: Kind | None) -> Prepared | None:
        return next((each for each in self._prepared.values() if each.kind == kind), None)

    async def _fill(self) -> None:
        while (demand := self._missing()) is not None and self._is_calm:
            kind = self._kind(demand.function)
            if kind is None or not self._fits(kind.memory):
                return
            await self._prepare(kind, demand.function)

    @property
    def _is_calm(self) -> bool:
        starting = any(demand.starting for demand in self._demands.values())
        return not (self._closed or starting or self._clock.monotonic() < self._not_before)

    def _missing(self) -> Demand | None:
        """The kind that was wanted last comes first."""
        count = Counter(each.kind for each in self._prepared.values())
        missing = [
            demand
            for kind, demand in self._demands.items()
            if count[kind] < demand.wanted(self._each)
        ]
        return max(missing, key=lambda demand: demand.at, default=None)

    async def _prepare(self, kind: Kind, function: Function) -> None:
        self._making = prepared = Prepared(kind, self._forget)
        loop = self._reactor.loop
        try:
            await loop.run_in_executor(self._starters, self._make, prepared, function)
        except EngineError as error:
            self._despair(kind, error.message)
        except Exception as error:  # a disk that is full, say
            self._despair(kind, repr(error))
        if prepared.ended:
            self._despair(kind, _ENDED)
        taken, self._making = self._making is not prepared, None
        made = prepared.container is not None and not prepared.ended
        prepared.made.set_result(made)
        if prepared.container is None or (made and taken):
            return
        wanted = kind in self._demands and self._fits(kind.memory)
        if made and (wanted or self._closed):
            self._prepared[prepared.id] = prepared
        else:  # it is dead, or somebody has taken its room meanwhile
            self._errands.submit(self._remove, prepared)

    def _make(self, prepared: Prepared, function: Function) -> None:
        try:
            spec = self._outfitter.prepare(function, prepared.id)
            prepared.image = spec.image
            prepared.container = self._engine.create(spec, prepared, self._reactor)
        except BaseException:
            self._outfitter.discard(prepared.id)
            raise

    def _forget(self, prepared: Prepared) -> None:
        """It has ended by itself."""
        if self._prepared.pop(prepared.id, None) is not None:
            self._despair(prepared.kind, _ENDED)
            self._errands.submit(self._remove, prepared)

    def _despair(self, kind: Kind, reason: str) -> None:
        """For a while: the next one would hardly fare better."""
        self._not_before = self._clock.monotonic() + _AFTER_FAILURE
        self._notices.publish("stock_failed", runtime=kind.runtime, error=reason)

    def _remove(self, prepared: Prepared) -> None:
        assert prepared.container is not None, "it has been made"
        try:
            prepared.container.kill()
            prepared.container.remove()
        except EngineError as error:
            self._notices.publish("environment_failed", id=prepared.id, error=error.message)
        self._outfitter.discard(prepared.id)
