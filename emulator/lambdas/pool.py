"""All environments of this server: leases them, starts what is missing, retires the rest.

It lives on the reactor's thread, and needs no locks there; what other threads may call says so.
Decisions are `placement`'s; calls to the engine that take long are made on threads.
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

from emulator import ids
from emulator.clock import Clock
from emulator.engines.engine import Container, Engine
from emulator.errors import EngineError
from emulator.functions.function import Function
from emulator.lambdas import launch, placement
from emulator.lambdas.environment import Environment
from emulator.lambdas.launcher import Launcher
from emulator.lambdas.lifecycle import Move, State
from emulator.lambdas.mailbox import Mailbox
from emulator.lambdas.outcome import Failure, not_started, stopped
from emulator.lambdas.stock import Prepared, Stock
from emulator.notices import Notices
from emulator.reactor import Reactor

INIT_LIMIT = 10.0  # seconds that a runtime has to start before its first invocation begins
_END_LIMIT = 5.0  # seconds that a runtime has to end when it is stopped
_FREEZE_AFTER = 5.0  # seconds, where freezing takes its time
_LINGER = 0.002  # seconds until an environment is frozen that nobody calls again at once
_SOON = 0.1  # seconds that a call waits for an environment that has answered and is almost free
_STARTS = 32  # side by side; each may wait for a pull or a build
_ERRANDS = 8  # calls to the engine that take a moment, side by side
_REMOVALS = 4
_STOP_LIMIT = 30.0  # seconds until a stop gives up on an engine that does not remove

_SILENT = (
    "its init took too long; when every function does this, look whether a firewall keeps"
    " containers from reaching this machine"
)

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
        launcher: Launcher,
        budget: int,
        clock: Clock,
        notices: Notices,
        most: int = 0,
        keep_warm: int = 0,
        prewarm: int = 0,
        freeze_after: float | None = None,
        cpus: Callable[[Function], float] | None = None,
    ) -> None:
        """`budget`: MB for all environments together; `most`: how many they may be.

        `freeze_after`: seconds that one idles before it is frozen; None: at once where that costs
        next to nothing, else five. `keep_warm`: how many of each function never expire.
        `prewarm`: how many containers of each kind in use wait for a function.
        `cpus`: the processors' time that a function has once its init is over; None: no limit.
        """
        self._most = most or sys.maxsize
        self._keep_warm = keep_warm
        self._freeze_after = freeze_after
        self._cpus = cpus
        self._engine = engine
        self.reactor = reactor
        self._loop = reactor.loop
        self._launcher = launcher
        self._budget = budget
        self._clock = clock
        self._notices = notices
        self._environments: dict[str, Environment] = {}
        self._of: dict[str, list[Environment]] = {}  # by version
        self._assigned: dict[str, Prepared] = {}  # by the environment that starts in it
        self._waiting: list[_Waiter] = []
        self._serving = False
        self._looking: asyncio.TimerHandle | None = None
        self._removed = asyncio.Event()
        self._starters = ThreadPoolExecutor(_STARTS, "starter")
        self._errands = ThreadPoolExecutor(_ERRANDS, "errand")
        self._undertaker = ThreadPoolExecutor(_REMOVALS, "undertaker")
        self._stopping = False
        self._stock = Stock(
            engine=engine,
            launcher=launcher,
            reactor=reactor,
            starters=self._starters,
            errands=self._errands,
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
        """Pauses what has been idle for `after` seconds, where the engine can."""
        self.reactor.run(self._freeze(self._environments.values(), after))

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
        self._undertaker.shutdown(wait=False)
        self._errands.shutdown(wait=False)
        self._starters.shutdown(wait=False)

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
        started again by `restart`. Gives a `Failure` when nothing can be started, or there is no
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
            if self.freezes_after <= 0:
                self._loop.call_later(_LINGER, self._freeze_unused, leased, turn)
            if leased.stale:
                self._retire_idle(after=float("inf"))

    async def restart(self, environment: Environment, limit: float) -> bool:
        """Starts the runtime of a leased environment again: busy, or false and down again."""
        return environment.move(Move.RESTARTED) and await self._await_init(environment, limit)

    async def end(self, environment: Environment) -> None:
        """Its time is up: the runtime is ended, or the container with it if that is no use."""
        environment.overdue = True
        environment.stop()
        if not await environment.ended(_END_LIMIT):
            environment.gone()

    @property
    def freezes_after(self) -> float:
        """Seconds that an environment idles before it is frozen."""
        if self._freeze_after is not None:
            return self._freeze_after
        return 0.0 if self._engine.freezes_at_once else _FREEZE_AFTER

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
            if was is not State.FROZEN or await self._thaw(environment):
                return environment

    def _take(self, function: Function, ahead: int) -> Found | Failure | None:
        """An idle environment, or a new one to start; None: there is none, and no room now.

        `ahead`: how many calls of the same version wait already.
        """
        if self._stopping:
            return stopped()
        same = self._of.get(function.version, [])
        slots = [each.slot for each in same if each.idle]
        idle = placement.serve_from(slots, function.version)
        if idle is not None:
            environment = self._environments[idle.id]
            environment.reserve()
            environment.move(Move.LEASED)
            return environment, idle.state
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
        )
        if prepared is not None:
            self._assigned[environment.id] = prepared
            prepared.environment = environment
        environment.reserve()
        self._environments[environment.id] = environment
        self._of.setdefault(environment.version, []).append(environment)
        return environment

    async def _start(self, environment: Environment) -> Environment | Failure:
        """Makes its container and starts its runtime, which is busy for this lease, or down.

        Whatever goes wrong, it is retired, and nothing waits for it any more.
        """
        function = environment.function
        prepared = self._assigned.pop(environment.id, None)
        try:
            if prepared is not None and await prepared.made:
                await self._in_prepared_container(environment, prepared)
            else:
                await self._in_new_container(environment)
            ready = await self._await_init(environment, INIT_LIMIT)
        except EngineError as error:
            environment.move(Move.RETIRED)
            self._notices.publish("environment_failed", function=function.name, error=error.message)
            return not_started(type(error).__name__, error.message)
        except BaseException:
            environment.move(Move.RETIRED)
            if environment.unmade:
                environment.made(None)
            raise
        finally:
            self._stock.started(function)
        if not ready and environment.overdue:
            self._notices.publish("environment_silent", function=function.name, hint=_SILENT)
        return environment

    async def _in_new_container(self, environment: Environment) -> None:
        def create() -> Container:
            spec, environment.program = self._launcher.launch(environment.function, environment.id)
            environment.image = spec.image
            return self._engine.create(spec, environment, self.reactor)

        container: Container | None = None
        try:
            container = await self._loop.run_in_executor(self._starters, create)
        finally:
            environment.made(container)

    async def _in_prepared_container(self, environment: Environment, prepared: Prepared) -> None:
        container = prepared.container
        assert container is not None, "it is in stock"
        function, id = environment.function, environment.id

        def assign() -> None:
            environment.program = self._launcher.assign(function, id)
            container.rename(launch.container_name(function.name, id))

        environment.image = prepared.image
        environment.made(container)
        await self._loop.run_in_executor(self._errands, assign)

    async def _await_init(self, environment: Environment, limit: float) -> bool:
        """Starts the runtime and waits until it is busy; after `limit` seconds it is ended."""
        environment.run()
        if not await environment.left(State.STARTING, limit):
            await self.end(environment)
            return False
        ready = environment.move(Move.LEASED)
        if ready and self._cpus is not None:  # AWS gives all the same speed until init is over
            cpus = self._cpus(environment.function)
            await self._ask(environment, lambda: environment.limit_cpu(cpus))
        return ready

    def _moved(self, environment: Environment) -> None:
        if environment.state is State.RETIRING:
            self._undertaker.submit(self._remove, environment)
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

    def _remove(self, environment: Environment) -> None:
        """On a thread of the undertaker's."""
        try:
            environment.remove()
        except EngineError as error:
            self._tell_of(environment, error)
        finally:
            self._launcher.discard(environment.id)
            self.reactor.call(self._forget, environment)

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
            self.reactor.spawn(self._freeze([environment], after=0))

    async def _freeze(self, environments: Iterable[Environment], after: float) -> None:
        if not self._engine.can_freeze:
            return
        slots = [environment.slot for environment in environments]
        due = placement.to_freeze(slots, self._clock.monotonic(), after)
        chosen = [self._environments[slot.id] for slot in due]
        for environment in chosen:
            environment.move(Move.IDLED)
        for environment in chosen:
            await self._ask(environment, environment.freeze, quick=self._engine.freezes_at_once)

    async def _thaw(self, environment: Environment) -> bool:
        """False: it could not be thawed, and is given up."""
        quick, thawed = self._engine.freezes_at_once, False
        try:
            thawed = await self._ask(environment, environment.thaw, quick=quick)
        finally:
            if not thawed:
                environment.release(environment.turn)
        return thawed

    async def _ask(
        self, environment: Environment, verb: Callable[[], None], *, quick: bool = False
    ) -> bool:
        """False: the engine failed at it, which is told; no invocation fails for it.

        `quick`: it takes less time than to have a thread do it.
        """
        try:
            if quick:
                verb()
            else:
                await self._loop.run_in_executor(self._errands, verb)
        except EngineError as error:
            self._tell_of(environment, error)
            return False
        return True

    def _tell_of(self, environment: Environment, error: EngineError) -> None:
        self._notices.publish("environment_failed", id=environment.id, error=error.message)
