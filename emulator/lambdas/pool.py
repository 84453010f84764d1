"""All environments of this server: leases them, starts what is missing, retires the rest.

It lives on the reactor's thread, and needs no locks there; what other threads may call says so.
Decisions are `placement`'s; the `attendant` does what they ask for.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from emulator import ids
from emulator.clock import Clock
from emulator.engines.engine import Engine
from emulator.engines.watch import EngineWatch
from emulator.functions.function import Function
from emulator.lambdas import placement
from emulator.lambdas.attendant import Attendant
from emulator.lambdas.environment import Environment, Lead
from emulator.lambdas.lifecycle import Move, State
from emulator.lambdas.mailbox import Mailbox
from emulator.lambdas.outcome import Failure, not_started, stopped
from emulator.lambdas.outfitter import Outfitter
from emulator.lambdas.stock import Prepared, Stock
from emulator.notices import Notices
from emulator.reactor import Reactor

_LINGER = 0.002  # seconds until an environment is frozen that nobody calls again at once
_SOON = 0.1  # seconds that a call waits for an environment that has answered and is almost free
_STOP_LIMIT = 30.0  # seconds until a stop gives up on an engine that does not remove

Found = tuple[Environment, State]
"""An environment that is reserved now, and the state that it was in."""


@dataclass(eq=False)
class _Waiter:
    """A call for which there was neither an environment nor room."""

    function: Function
    turn: asyncio.Future[Found | Failure]


class Pool:
    def __init__(
        self,
        *,
        engine: Engine,
        reactor: Reactor,
        outfitter: Outfitter,
        lead: Lead,
        watch: EngineWatch,
        budget: int,
        clock: Clock,
        notices: Notices,
        most: int = 0,
        keep_warm: int = 0,
        prewarm: int = 0,
        freeze_after: float = 0.0,
        cpus: Callable[[Function], float] | None = None,
    ) -> None:
        """`lead` serves what calls from an environment's container. `budget`: MB for all
        environments together; `most`: how many they may be.

        `freeze_after`: seconds that one idles before it is frozen. `keep_warm`: how many of each
        function never expire. `prewarm`: how many containers of each kind in use wait for a
        function. `cpus`: the processors' time that a function has once its init is over; None: no
        limit.
        """
        self._most = most or sys.maxsize
        self._keep_warm = keep_warm
        self._freeze_after = freeze_after
        self._lead = lead
        self.reactor = reactor
        self._loop = reactor.loop
        self._budget = budget
        self._clock = clock
        self._environments: dict[str, Environment] = {}
        self._of: dict[str, list[Environment]] = {}  # by version
        self._assigned: dict[str, Prepared] = {}  # by the environment that starts in it
        self._waiting: list[_Waiter] = []
        self._serving = False
        self._looking: asyncio.TimerHandle | None = None
        self._removed = asyncio.Event()
        self._stopping = False
        self.attendant = Attendant(
            engine=engine,
            outfitter=outfitter,
            reactor=reactor,
            watch=watch,
            notices=notices,
            cpus=cpus,
        )
        self._stock = Stock(
            engine=engine,
            outfitter=outfitter,
            reactor=reactor,
            starters=self.attendant.starters,
            errands=self.attendant.errands,
            each=prewarm,
            fits=self._fits,
            clock=clock,
            notices=notices,
        )

    # For other threads

    def snapshot(self) -> list[placement.Slot]:
        return [environment.slot for environment in list(self._environments.values())]

    def stocked(self) -> list[placement.StockLevel]:
        """What is prepared for functions that have no environment yet."""
        return self._stock.levels()

    def expect(self, function: Function) -> None:
        """It will be called: a container may be prepared."""
        self.reactor.call(self._stock.expect, function)

    def make_up_stock(self, expired: float) -> None:
        """Prepares what is missing, and gives up what nobody has wanted for `expired` seconds."""
        self.reactor.call(self._stock.expire, expired)
        self.reactor.call(self._stock.fill)

    def freeze_idle(self, after: float) -> None:
        """Freezes what has been idle for `after` seconds."""
        self.reactor.run(self._freeze_idle(after))

    def retire_idle(self, after: float) -> None:
        """Retires what is stale, and what has been idle for `after` seconds but for `keep_warm`."""
        self.reactor.call(self._retire_idle, after)

    def retire_versions(self, name: str, current: str | None) -> None:
        """The function's version is now `current` (None: it is gone); no other serves a call that
        is made from now on."""
        self.reactor.call(self._retire_versions, name, current)

    def stop(self) -> None:
        """Removes every container; invocations under way end as `stopped`."""
        self.reactor.run(self._stop())
        self.attendant.close()

    # For invocations

    def mailbox(self, environment_id: str) -> Mailbox | None:
        environment = self._environments.get(environment_id)
        return None if environment is None else environment.mailbox

    @asynccontextmanager
    async def lease(
        self, function: Function, patience: float
    ) -> AsyncIterator[Environment | Failure]:
        """An environment of this function's version, for one invocation.

        It is busy; or it is down, since its runtime has ended or its init has failed, and is to be
        started again. Gives a `Failure` when nothing can be started, or there is no
        room within `patience` seconds.
        """
        leased = await self._acquire(function, patience)
        if isinstance(leased, Failure):
            yield leased
            return
        turn = leased.turn
        try:
            yield leased
        finally:
            leased.release(turn)
            self._serve_waiting()
            if self._freeze_after <= 0:
                self._loop.call_later(_LINGER, self._freeze_unused, leased, turn)
            if leased.stale:
                self._retire_idle(after=float("inf"))

    # Finding

    async def _acquire(self, function: Function, patience: float) -> Environment | Failure:
        give_up = self._clock.monotonic() + patience
        while True:
            found = self._take(function, self._ahead_of(function))
            if found is None:
                found = await self._await_turn(function, give_up - self._clock.monotonic())
            if isinstance(found, Failure):
                return found
            environment, was = found
            if was is State.STARTING:
                return await self._start(environment)
            if was is State.FROZEN:
                try:
                    environment.thaw()
                except BaseException:
                    environment.release(environment.turn)
                    raise
            return environment

    def _take(self, function: Function, ahead: int) -> Found | Failure | None:
        """An idle environment, or a new one to start; None: there is none, and no room now.

        `ahead`: how many calls of the same version wait already.
        """
        if self._stopping:
            return stopped()
        same = self._of.get(function.version, [])
        environment = placement.serve_from(same, function.version)
        if environment is not None:
            was = environment.state
            environment.reserve()
            environment.move(Move.LEASED)
            return environment, was
        now = self._clock.monotonic()
        if placement.serving_soon(same, now, _SOON) > ahead:
            self._look_again()
            return None
        evicted = [] if self._stock.has(function) else self._to_evict(function.memory_limit)
        if evicted is None:
            return None
        for slot in evicted:
            if slot.id in self._environments:
                self._environments[slot.id].move(Move.RETIRED)
            else:
                self._stock.discard(slot.id)
        return self._new(function), State.STARTING

    def _to_evict(self, megabytes: int) -> list[placement.Slot] | None:
        held = [*self.snapshot(), *self._stock.slots]
        return placement.to_evict(held, megabytes, self._budget, self._most)

    def _fits(self, megabytes: int) -> bool:
        """Without anything giving way."""
        return not self._waiting and self._to_evict(megabytes) == []

    def _ahead_of(self, function: Function) -> int:
        return sum(each.function.version == function.version for each in self._waiting)

    async def _await_turn(self, function: Function, patience: float) -> Found | Failure:
        waiter = _Waiter(function, self._loop.create_future())
        self._waiting.append(waiter)
        over = self._loop.call_later(max(patience, 0), self._give_up, waiter)
        try:
            return await waiter.turn
        finally:
            over.cancel()

    def _give_up(self, waiter: _Waiter) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)
            waiter.turn.set_result(not_started("NoCapacity", "memory had no room for it in time"))

    def _look_again(self) -> None:
        """An environment that was almost free may work on after all, and tells nobody."""
        if self._looking is None:
            self._looking = self._loop.call_later(_SOON, self._look)

    def _look(self) -> None:
        self._looking = None
        self._serve_waiting()

    def _serve_waiting(self) -> None:
        """Those who wait get what there is now, in the order in which they came."""
        if self._serving or not self._waiting:
            return
        self._serving = True
        try:
            ahead: Counter[str] = Counter()
            for waiter in list(self._waiting):
                version = waiter.function.version
                found = self._take(waiter.function, ahead[version])
                if found is None:
                    ahead[version] += 1
                else:
                    self._waiting.remove(waiter)
                    waiter.turn.set_result(found)
        finally:
            self._serving = False

    # Starting and ending

    def _new(self, function: Function) -> Environment:
        prepared = self._stock.take(function)
        environment = Environment(
            id=ids.word(32) if prepared is None else prepared.id,
            function=function,
            loop=self._loop,
            clock=self._clock,
            moved=self._moved,
            lead=self._lead,
        )
        if prepared is not None:
            self._assigned[environment.id] = prepared
            prepared.environment = environment
        environment.reserve()
        self._environments[environment.id] = environment
        self._of.setdefault(environment.version, []).append(environment)
        return environment

    async def _start(self, environment: Environment) -> Environment | Failure:
        prepared = self._assigned.pop(environment.id, None)
        try:
            failure = await self.attendant.start(environment, prepared)
        finally:
            self._stock.started(environment.function)
        return failure or environment

    def _moved(self, environment: Environment) -> None:
        if environment.state is State.RETIRING:
            self.attendant.remove(environment, self._forget)
        self._serve_waiting()

    def _retire_idle(self, after: float) -> None:
        now = self._clock.monotonic()
        for slot in placement.to_retire(self.snapshot(), now, after, self._keep_warm):
            self._environments[slot.id].move(Move.RETIRED)

    def _retire_versions(self, name: str, current: str | None) -> None:
        for environment in self._environments.values():
            if environment.function.name == name and environment.version != current:
                environment.stale = True
        self._retire_idle(after=float("inf"))

    def _forget(self, environment: Environment) -> None:
        del self._environments[environment.id]
        same = self._of[environment.version]
        same.remove(environment)
        if not same:
            del self._of[environment.version]
        self._removed.set()
        environment.move(Move.REMOVED)

    async def _stop(self) -> None:
        self._stopping = True
        for environment in list(self._environments.values()):
            environment.move(Move.RETIRED)
        self._serve_waiting()
        give_up = self._loop.time() + _STOP_LIMIT
        while self._environments and self._loop.time() < give_up:
            self._removed.clear()
            removed = asyncio.ensure_future(self._removed.wait())
            await asyncio.wait((removed,), timeout=give_up - self._loop.time())
            removed.cancel()
        await self._stock.close()

    # Freezing

    def _freeze_unused(self, environment: Environment, turn: int) -> None:
        """After its lease number `turn`, unless it serves another."""
        if environment.turn == turn and environment.idle:
            environment.freeze()

    async def _freeze_idle(self, after: float) -> None:
        slots = [environment.slot for environment in self._environments.values()]
        for slot in placement.to_freeze(slots, self._clock.monotonic(), after):
            self._environments[slot.id].freeze()
