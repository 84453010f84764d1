"""All environments of this server: leases them, starts what is missing, retires the rest.

It lives on the reactor's thread, and needs no locks there; what other threads may call says so.
Decisions are `placement`'s and `room`'s; the `attendant` and the `removals` do what they ask for.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

from emulator.base import ids
from emulator.base.errors import EngineUnreachable
from emulator.base.health import Health
from emulator.base.notices import Notices
from emulator.base.timing.clock import Clock
from emulator.base.timing.limits import Limits
from emulator.base.timing.reactor import Reactor
from emulator.engines.engine import Engine
from emulator.engines.watch import EngineWatch
from emulator.lambdas.environment.environment import Environment, Lead
from emulator.lambdas.environment.mailbox import Mailbox
from emulator.lambdas.environment.operations import Operations
from emulator.lambdas.environment.provisioner import Provisioner
from emulator.lambdas.functions.function import Function
from emulator.lambdas.lifecycle import Move, State
from emulator.lambdas.outcome import Failure, could_not_start, stopped
from emulator.lambdas.pool import room
from emulator.lambdas.pool.fleet import Fleet
from emulator.lambdas.pool.prewarmed import PrewarmPool
from emulator.lambdas.pool.prewarmed_container import PrewarmedContainer
from emulator.lambdas.pool.removals import Removals
from emulator.lambdas.pool.room import Room
from emulator.lambdas.pool.waiters import Found, Take, Wait, Waiters, WaitingCalls
from emulator.lambdas.slot import PrewarmLevel, Slot, held

_LINGER = 0.002  # seconds until an environment is frozen that nobody calls again at once
_SOON = 0.1  # seconds that a call waits for an environment that has answered and is almost free
_STOP_LIMIT = 30.0  # seconds until a stop gives up on an engine that does not remove


class Pool:
    def __init__(
        self,
        *,
        engine: Engine,
        reactor: Reactor,
        provisioner: Provisioner,
        lead: Lead,
        live: Mapping[str, frozenset[str]],
        watch: EngineWatch,
        budget: int,
        health: Health,
        clock: Clock,
        notices: Notices,
        limits: Limits,
        lone: bool = False,
        max_environments: int = 0,
        keep_warm: int = 0,
        prewarm: int = 0,
        freeze_after: float = 0.0,
        cpus: Callable[[Function], float] | None = None,
    ) -> None:
        """`lead` serves what calls from an environment's container. `live`: the fingerprints that
        each function has now, by its name; what it says may change at any time. `budget`: MB for
        all environments together; `lone`: whether a function that is larger than that runs, alone,
        instead of being refused. `max_environments`: how many there may be; 0: any number.

        `freeze_after`: seconds that one idles before it is frozen. `keep_warm`: how many of each
        function never expire. `prewarm`: how many containers of each kind in use wait for a
        function. `cpus`: the processors' time that a function has once its init is over; None: no
        limit.
        """
        self._live = live
        self._watch = watch
        self._lone = lone
        self._most = max_environments or sys.maxsize
        self._freeze_after = freeze_after
        self._lead = lead
        self.reactor = reactor
        self._loop = reactor.loop
        self._budget = budget
        self._clock = clock
        self._environments = Fleet(clock=clock, keep_warm=keep_warm)
        self._assigned: dict[str, PrewarmedContainer] = {}  # by the environment that starts in it
        self._waiting = Waiters(
            loop=self._loop,
            clock=clock,
            look=self._look,
            too_late=self._too_late,
            give_back=self._give_back,
        )
        self._changed = asyncio.Event()
        self._stopping = self._stopped = False
        self._removals = Removals(reactor=reactor, health=health, notices=notices)
        self._discard = provisioner.discard
        self.operations = Operations(
            engine=engine,
            provisioner=provisioner,
            reactor=reactor,
            watch=watch,
            notices=notices,
            limits=limits,
            cpus=cpus,
        )
        self._stock = PrewarmPool(
            create=self.operations.make,
            provisioner=provisioner,
            reactor=reactor,
            starters=self.operations.starters,
            removals=self._removals,
            each=prewarm,
            fits=self._fits,
            changed=self._freed,
            clock=clock,
            notices=notices,
        )

    # For other threads

    def snapshot(self) -> list[Slot]:
        return self._environments.snapshot()

    def held(self) -> int:
        """MB that all containers hold together, also those that are made or removed."""
        return held(self._holding())

    def waiting(self) -> list[WaitingCalls]:
        """Which calls wait for an environment, and why; the oldest first."""
        return self._waiting.report()

    def stocked(self) -> list[PrewarmLevel]:
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
        """Freezes what has been idle for `after` seconds; returns when that is done."""
        self.reactor.run(self._freeze_idle(after))

    def retire_idle(self, after: float) -> None:
        """Retires what is stale, and what has been idle for `after` seconds but for `keep_warm`."""
        self.reactor.call(self._environments.retire_idle, after)

    def retire_others(self, name: str, fingerprints: frozenset[str]) -> None:
        """The function has these fingerprints now (none: it is gone). No environment of another
        one serves a call that is made from now on."""
        self.reactor.call(self._environments.retire_others, name, fingerprints)

    def stop(self) -> None:
        """Removes every container; invocations under way end as `stopped`.

        Returns after `_STOP_LIMIT` seconds at most. What an engine that hangs makes later is
        removed by the thread that has waited for it; when this process ends first, the launcher in
        it ends too, and the next start on this data folder removes by its label what was left.
        """
        if self._stopped:
            return
        self.reactor.run(self._stop())
        self._stopped = True
        self._removals.close()
        self.operations.close()

    # For invocations

    def mailbox(self, environment_id: str) -> Mailbox | None:
        environment = self._environments.get(environment_id)
        return None if environment is None else environment.mailbox

    @asynccontextmanager
    async def lease(
        self, function: Function, patience: float
    ) -> AsyncIterator[Environment | Failure]:
        """An environment of this function's fingerprint, for one invocation.

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
            self._waiting.serve_soon()
            if self._freeze_after <= 0:
                self._loop.call_later(_LINGER, self._freeze_unused, leased, turn)
            if leased.stale:
                self._environments.retire_stale()

    # Finding

    async def _acquire(self, function: Function, patience: float) -> Environment | Failure:
        found = self._refusal(function) or (None if self._waiting else self._take_idle(function))
        if found is None:
            found = await self._waiting.wait(function, patience)
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

    def _refusal(self, function: Function) -> Failure | None:
        """Why it cannot be served, now or later."""
        if self._stopping:
            return stopped()
        if function.memory_limit > self._budget and not self._lone:
            return room.too_large(function, self._budget)
        return None

    def _take_idle(self, function: Function) -> Found | None:
        environment = self._environments.idle(function.fingerprint)
        return None if environment is None else self._lend(environment)

    @staticmethod
    def _lend(environment: Environment) -> Found:
        was = environment.state
        environment.reserve()
        environment.move(Move.LEASED)
        return environment, was

    def _give_back(self, found: Found) -> None:
        environment, was = found
        if was is State.STARTING:
            self._assigned.pop(environment.id, None)
            self._stock.started(environment.function)
            if not environment.being_made:
                environment.made(None)
        environment.release(environment.turn)

    def _too_late(self, function: Function, patience: float) -> Failure:
        return room.too_late(function, patience, self.held(), self._budget)

    def _look(self) -> Take:
        return partial(self._take, self._room())

    def _room(self) -> Room:
        now = self._clock.monotonic()
        return Room(self._holding(), budget=self._budget, most=self._most, now=now)

    def _take(self, free: Room, function: Function, ahead: int) -> Found | Failure | Wait:
        """An idle environment, or a new one to start, or what is to be waited for.

        `ahead`: how many calls of the same fingerprint wait for environments that are almost free.
        """
        if self._stopping:
            return stopped()
        limit = function.time_limit
        environment = self._environments.idle(function.fingerprint)
        if environment is not None:
            return self._lend(environment) if free.use(environment.slot, limit) else Wait.ROOM
        if self._environments.serving_soon(function.fingerprint, _SOON) > ahead:
            self._waiting.serve_later(_SOON)
            return Wait.ENVIRONMENT
        prepared = self._stock.prepared_for(function)
        if prepared is not None and free.use(prepared, limit):
            return self._new(function), State.STARTING
        return self._admit(free, function)

    def _admit(self, free: Room, function: Function) -> Found | Failure | Wait:
        """A new environment, as soon as what gives way to it has been removed."""
        admission = free.admit(function.memory_limit, function.time_limit)
        if admission is None:
            return Wait.ROOM
        trouble = self._watch.trouble
        if admission.evicted and trouble is not None:  # what works would go for nothing
            return could_not_start(EngineUnreachable(trouble))
        for slot in admission.evicted:
            if slot.id in self._environments:
                self._environments.retire(slot.id)
            else:
                self._stock.discard(slot.id)
        if admission.at_once:
            return self._new(function), State.STARTING
        self._waiting.serve_later(room.STUCK)
        return Wait.REMOVAL

    def _holding(self) -> list[Slot]:
        """All that holds memory; any thread may ask."""
        return [*self.snapshot(), *self._stock.slots]

    def _fits(self, megabytes: int) -> bool:
        """Without anything giving way, or having to wait."""
        return not (self._waiting or self._stopping) and self._room().has(megabytes)

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
        # Its function may have changed while the call waited: then it serves that call alone.
        environment.stale = not self._is_live(function)
        environment.reserve()
        self._environments.add(environment)
        if prepared is not None:
            self._assigned[environment.id] = prepared
            prepared.serve(environment)
        return environment

    def _is_live(self, function: Function) -> bool:
        return function.fingerprint in self._live.get(function.name, ())

    async def _start(self, environment: Environment) -> Environment | Failure:
        prepared = self._assigned.pop(environment.id, None)
        try:
            failure = await self.operations.start(environment, prepared)
        finally:
            self._stock.started(environment.function)
        return failure or environment

    def _moved(self, environment: Environment) -> None:
        if environment.state is State.RETIRING and not environment.unmade:
            self._remove(environment)
        if environment.stale and environment.idle:
            self._loop.call_soon(self._environments.retire_stale)
        self._waiting.serve_soon()

    def _remove(self, environment: Environment) -> None:
        def remove() -> None:
            environment.remove()
            self._discard(environment.id)

        environment.kill()
        self._removals.remove(environment.id, remove, partial(self._forget, environment))

    def _forget(self, environment: Environment) -> None:
        self._environments.forget(environment)
        environment.move(Move.REMOVED)
        self._freed()

    def _freed(self) -> None:
        self._changed.set()
        self._waiting.serve_soon()

    async def _stop(self) -> None:
        self._stopping = True
        self._stock.close()
        self._environments.retire_all()
        self._waiting.serve()
        give_up = self._loop.time() + _STOP_LIMIT
        while self._environments or not self._stock.is_empty:
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), give_up - self._loop.time())
            except asyncio.TimeoutError:
                return

    # Freezing

    def _freeze_unused(self, environment: Environment, turn: int) -> None:
        """After its lease number `turn`, unless it serves another."""
        if environment.turn == turn and environment.idle:
            environment.freeze()

    async def _freeze_idle(self, after: float) -> None:
        self._environments.freeze_idle(after)
