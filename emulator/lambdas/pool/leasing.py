"""Leasing: which environment serves a call, and what a call waits for that finds none.

An idle environment serves at once. Else a call waits for one that is almost free, or has a new one
started where there is room: in a prewarmed container, in free room, or in room that idle
environments give up. `placement` and `room` decide, `Waiters` has those who wait.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from taskdock.base.errors import EngineUnreachable
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.limits import Limits
from taskdock.engines.watch import EngineWatch
from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.lifecycle import State, Transition
from taskdock.lambdas.outcome import Failure, could_not_start, stopped
from taskdock.lambdas.pool import room
from taskdock.lambdas.pool.fleet import Fleet
from taskdock.lambdas.pool.prewarm.prewarm_pool import PrewarmPool
from taskdock.lambdas.pool.room import Room
from taskdock.lambdas.pool.starts import Starts
from taskdock.lambdas.pool.waiters import Found, Wait, Waiters, WaitingCalls
from taskdock.lambdas.slot import Slot, held


@dataclass(frozen=True, kw_only=True)
class MemoryBudget:
    """The room that all containers have together."""

    memory: int  # MB
    lone: bool = False
    """A function that is larger than the memory runs, alone, instead of being refused."""
    max_environments: int = 0  # 0: any number

    def refusal(self, function: Function) -> Failure | None:
        """The reason why there will never be room for this function."""
        is_too_large = function.memory_limit > self.memory and not self.lone
        return room.too_large(function, self.memory) if is_too_large else None


class Leasing:
    """On the reactor's thread, but for `holding`, `held` and `waiting`."""

    def __init__(
        self,
        *,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        limits: Limits,
        fleet: Fleet,
        prewarmed: PrewarmPool,
        starts: Starts,
        watch: EngineWatch,
        budget: MemoryBudget,
        linger: float | None,
    ) -> None:
        """`linger`: seconds until an environment is frozen that nobody calls again at once; None:
        it is not frozen after a lease."""
        self._loop = loop
        self._clock = clock
        self._limits = limits
        self._fleet = fleet
        self._prewarmed = prewarmed
        self._starts = starts
        self._watch = watch
        self._budget = budget
        self._linger = linger
        self._closed = False
        self._waiters = Waiters(
            loop=loop,
            clock=clock,
            look=lambda: partial(self._take, self._room()),
            too_late=self.too_late,
            give_back=self._give_back,
        )

    # For any thread

    def holding(self) -> list[Slot]:
        """All that holds memory."""
        return [*self._fleet.snapshot(), *self._prewarmed.slots]

    def held(self) -> int:
        """MB that all containers hold together."""
        return held(self.holding())

    def waiting(self) -> list[WaitingCalls]:
        """The calls that wait, and why; the oldest first."""
        return self._waiters.report()

    # For the pool

    @asynccontextmanager
    async def lease(
        self, function: Function, patience: float
    ) -> AsyncIterator[Environment | Failure]:
        """An environment of this function's fingerprint, for one invocation.

        It is busy; or it is down, since its runtime has ended or its init has failed, and is to be
        started again. Gives a `Failure` when nothing can be started, or there is no room within
        `patience` seconds.
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
            self._waiters.serve_soon()
            if self._linger is not None:
                self._loop.call_later(self._linger, self._freeze_unused, leased, turn)
            if leased.stale:
                self._fleet.retire_stale()

    async def make_apart(self, function: Function, patience: float) -> Environment | Failure:
        """An environment that is kept and not started yet, or a `Failure` as `lease` gives it."""
        found = self._refusal(function) or await self._waiters.wait(function, patience)
        if isinstance(found, Failure):
            return found
        found[0].kept = True
        return found[0]

    def has_room(self, megabytes: int) -> bool:
        """Whether a container of this size fits without anything giving way, or having to wait."""
        return not (self._waiters or self._closed) and self._room().has(megabytes)

    def serve_soon(self) -> None:
        """Something has changed: it may be that a waiting call can be served."""
        self._waiters.serve_soon()

    def end_running(self) -> None:
        """Ends all calls that wait now, and retires the environments of all others."""
        self._waiters.refuse(stopped(by_reset=True))
        self._fleet.retire_busy()

    def close(self) -> None:
        """Refuses all that wait, and all that come."""
        self._closed = True
        self._waiters.serve()

    # Finding

    async def _acquire(self, function: Function, patience: float) -> Environment | Failure:
        """An environment that is reserved and busy, or down; a failure when there is none within
        `patience` seconds, or it could not be started."""
        found = self._refusal(function) or (None if self._waiters else self._take_idle(function))
        if found is None:
            found = await self._waiters.wait(function, patience)
        if isinstance(found, Failure):
            return found
        environment, before = found
        if before is State.STARTING:
            return await self._starts.start(environment) or environment
        if before is State.FROZEN:
            try:
                environment.container.thaw()
            except BaseException:
                environment.release(environment.turn)
                raise
        return environment

    def _refusal(self, function: Function) -> Failure | None:
        """The reason why a call of this function cannot be served, now or later."""
        return stopped() if self._closed else self._budget.refusal(function)

    def _take_idle(self, function: Function) -> Found | None:
        environment = self._fleet.idle(function.fingerprint)
        return None if environment is None else self._lend(environment)

    @staticmethod
    def _lend(environment: Environment) -> Found:
        before = environment.state
        environment.reserve()
        environment.move(Transition.LEASED)
        return environment, before

    def _give_back(self, found: Found) -> None:
        environment, before = found
        if before is State.STARTING:
            self._starts.give_up(environment)
        environment.release(environment.turn)

    def too_late(self, function: Function, patience: float) -> Failure:
        """The failure of a call for which there was no room within `patience` seconds."""
        return room.too_late(function, patience, self.held(), self._budget.memory)

    def _room(self) -> Room:
        return Room(
            self.holding(),
            budget=self._budget.memory,
            max_environments=self._budget.max_environments or sys.maxsize,
            now=self._clock.monotonic(),
            stuck=self._limits.removal_stuck,
        )

    def _take(self, free: Room, function: Function, ahead: int) -> Found | Failure | Wait:
        """An idle environment, or a new one to start, or what is to be waited for.

        `ahead`: how many calls of the same fingerprint wait for environments that are almost free.
        """
        if self._closed:
            return stopped()
        limit = function.time_limit
        environment = self._fleet.idle(function.fingerprint)
        if environment is not None:
            return self._lend(environment) if free.use(environment.slot, limit) else Wait.ROOM
        almost_free = self._limits.almost_free
        if self._fleet.serving_soon(function.fingerprint, almost_free) > ahead:
            self._waiters.serve_later(almost_free)
            return Wait.ENVIRONMENT
        prewarmed = self._prewarmed.slot_for(function)
        if prewarmed is not None and free.use(prewarmed, limit):
            return self._starts.new(function), State.STARTING
        return self._admit(free, function)

    def _admit(self, free: Room, function: Function) -> Found | Failure | Wait:
        """A new environment, as soon as what gives way to it has been removed."""
        admission = free.admit(function.memory_limit, function.time_limit)
        if admission is None:
            return Wait.ROOM
        trouble = self._watch.trouble
        if admission.evicted and trouble is not None:  # environments that work would go in vain
            return could_not_start(EngineUnreachable(trouble))
        for slot in admission.evicted:
            if slot.id in self._fleet:
                self._fleet.retire(slot.id)
            else:
                self._prewarmed.discard(slot.id)
        if admission.at_once:
            return self._starts.new(function), State.STARTING
        self._waiters.serve_later(self._limits.removal_stuck)
        return Wait.REMOVAL

    def _freeze_unused(self, environment: Environment, turn: int) -> None:
        """Freezes an environment after its lease number `turn`, unless another lease has begun."""
        if environment.turn == turn and environment.idle:
            environment.freeze()
