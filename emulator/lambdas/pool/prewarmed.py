"""The stock: containers that were started ahead of need and wait for a function.

Starting a container takes most of a cold start, and needs to know only what is fixed for it: its
runtime's image and its memory. Which kinds are wanted, and how many of each, is learned from what
starts. The stock is made when nothing else starts, in room that nobody holds, and gives way to
whoever needs that room. It holds it from the moment that the engine is asked for the container, and
until that is removed. It lives on the reactor's thread.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial

from emulator.base.errors import EngineError
from emulator.base.notices import Notices
from emulator.base.timing.clock import Clock
from emulator.base.timing.reactor import Reactor
from emulator.engines.engine import Container, ContainerSpec, Observer
from emulator.lambdas.environment.provisioner import Provisioner
from emulator.lambdas.functions.function import Function
from emulator.lambdas.lifecycle import State
from emulator.lambdas.notices import StockFailed
from emulator.lambdas.pool.prewarmed_container import PrewarmedContainer, RuntimeShape
from emulator.lambdas.pool.removals import Removals
from emulator.lambdas.slot import PrewarmLevel, Slot

Create = Callable[[ContainerSpec, Observer, Callable[[], bool]], Container | None]
"""Makes a container, unless it is wanted no more when its turn comes."""

MOST = 8  # that are prepared of one kind because so many were once started at a time
_CALM = 1.0  # seconds without a start, after which the stock is made up
_AFTER_FAILURE = 60.0  # seconds without a try
_ENDED = "the container has ended"


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


class PrewarmPool:
    def __init__(
        self,
        *,
        create: Create,
        provisioner: Provisioner,
        reactor: Reactor,
        starters: Executor,
        removals: Removals,
        each: int,
        fits: Callable[[int], bool],
        changed: Callable[[], object],
        clock: Clock,
        notices: Notices,
    ) -> None:
        """`each`: how many to prepare of every kind in use; 0: none.

        `create` has a container made, on one of the `starters`. `fits`: whether there is room for
        so many MB more; `changed` is called when what it holds may have become less, or can be had.
        """
        self._create = create
        self._provisioner = provisioner
        self._reactor = reactor
        self._starters = starters
        self._removals = removals
        self._each = each
        self._fits = fits
        self._changed = changed
        self._clock = clock
        self._notices = notices
        self._demands: dict[RuntimeShape, Demand] = {}
        self._prepared: dict[str, PrewarmedContainer] = {}
        self._going: dict[str, PrewarmedContainer] = {}  # those that are being removed
        self._making: PrewarmedContainer | None = None
        self._filling: asyncio.Task[None] | None = None
        self._not_before = 0.0  # monotonic
        self._closed = False

    @property
    def slots(self) -> list[Slot]:
        """All that holds room; any thread may ask."""
        making = self._making
        found = [*list(self._prepared.values()), *list(self._going.values())]
        return [each.slot for each in (*found, *([making] if making is not None else []))]

    @property
    def is_empty(self) -> bool:
        """Nothing is there, is made or is removed."""
        return not (self._prepared or self._going or self._making)

    def levels(self) -> list[PrewarmLevel]:
        """Any thread may ask."""
        count = Counter(each.kind for each in list(self._prepared.values()))
        return [
            PrewarmLevel(
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

    def _note(self, function: Function) -> RuntimeShape | None:
        kind = self._kind(function)
        if kind is not None:
            demand = self._demands.setdefault(kind, Demand(function, 0.0))
            demand.function, demand.at = function, self._clock.monotonic()
        return kind

    def prepared_for(self, function: Function) -> Slot | None:
        """The room of the one that `take` would give: none is needed then."""
        kind = self._kind(function)
        found = self._find(kind)
        if found is None and self._making is not None and self._making.kind == kind:
            found = self._making if self._making.state is not None else None
        return None if found is None else found.slot

    def take(self, function: Function) -> PrewarmedContainer | None:
        """One for this function, which starts now: `started` is to be called when it has.

        It may still be in the making, and its room is the taker's.
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
        self._remove(self._prepared.pop(id))

    def close(self) -> None:
        """Has all that is there removed, and what is still in the making when it is made."""
        self._closed = True
        for id in list(self._prepared):
            self.discard(id)

    def _kind(self, function: Function) -> RuntimeShape | None:
        if not self._each or not self._provisioner.prepares(function):
            return None
        return RuntimeShape(function.runtime or "", function.memory_limit)

    def _find(self, kind: RuntimeShape | None) -> PrewarmedContainer | None:
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

    async def _prepare(self, kind: RuntimeShape, function: Function) -> None:
        self._making = prepared = PrewarmedContainer(kind, self._forget)
        loop = self._reactor.loop
        try:
            spec = await loop.run_in_executor(self._starters, self._outfit, prepared, function)
            # What its image took may have been long, and needed no room.
            if self._making is not prepared or self._fits(kind.memory):
                prepared.state = State.STARTING
                await loop.run_in_executor(self._starters, self._make, prepared, spec)
        except EngineError as error:
            self._despair(kind, error.message)
        except Exception as error:  # a disk that is full, say
            self._despair(kind, repr(error))
        finally:
            self._end_making(prepared)

    def _outfit(self, prepared: PrewarmedContainer, function: Function) -> ContainerSpec:
        return self._provisioner.prepare(function, prepared.id)

    def _make(self, prepared: PrewarmedContainer, spec: ContainerSpec) -> None:
        prepared.image = spec.image
        prepared.container = self._create(spec, prepared, lambda: not self._closed)
        if self._closed:  # perhaps there is no reactor any more that could do it
            prepared.remove()
            prepared.container = None

    def _end_making(self, prepared: PrewarmedContainer) -> None:
        taken, self._making = self._making is not prepared, None
        if prepared.ended:
            self._despair(prepared.kind, _ENDED)
        made = prepared.container is not None and not prepared.ended
        if taken or prepared.container is None:
            prepared.state = None  # the room is its environment's, or nobody's
        if made:
            prepared.tell_made(True)
        if made and taken:
            return
        if made and not self._closed and prepared.kind in self._demands:
            prepared.state = State.READY
            self._prepared[prepared.id] = prepared
            self._changed()
        else:  # there is none, or it is dead, or nobody wants it any more
            self._remove(prepared)

    def _forget(self, prepared: PrewarmedContainer) -> None:
        """It has ended by itself."""
        if self._prepared.pop(prepared.id, None) is not None:
            self._despair(prepared.kind, _ENDED)
            self._remove(prepared)

    def _despair(self, kind: RuntimeShape, reason: str) -> None:
        """For a while: the next one would hardly fare better."""
        self._not_before = self._clock.monotonic() + _AFTER_FAILURE
        self._notices.publish(StockFailed(runtime=kind.runtime, error=reason))

    def _remove(self, prepared: PrewarmedContainer) -> None:
        self._going[prepared.id] = prepared
        if prepared.state is not None:
            prepared.retire(self._clock.monotonic())
        prepared.kill()

        def remove() -> None:
            prepared.remove()
            self._provisioner.discard(prepared.id)

        self._removals.remove(prepared.id, remove, partial(self._gone, prepared))

    def _gone(self, prepared: PrewarmedContainer) -> None:
        del self._going[prepared.id]
        if not prepared.made.done():
            prepared.tell_made(False)
        self._changed()
