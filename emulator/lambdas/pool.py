"""All environments of this server: leases them, starts what is missing, retires the rest.

One condition guards every state. Decisions are `placement`'s; calls to the engine are made outside
the condition, since they take long.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from emulator import ids
from emulator.clock import Clock
from emulator.engines.engine import Container, ContainerSpec, Engine
from emulator.errors import EngineError
from emulator.functions.function import Function
from emulator.lambdas import placement
from emulator.lambdas.environment import Environment
from emulator.lambdas.lifecycle import Move, State
from emulator.lambdas.mailbox import Mailbox
from emulator.lambdas.outcome import Failure, not_started, stopped
from emulator.notices import Notices

INIT_LIMIT = 10.0  # seconds that a runtime has to start before its first invocation begins
_END_LIMIT = 5.0  # seconds that a runtime has to end when it is stopped
_FREEZE_AFTER = 5.0  # seconds, where freezing takes its time
_REMOVALS = 4  # side by side
_STOP_LIMIT = 30.0  # seconds until a stop gives up on an engine that does not remove

_SILENT = (
    "its init took too long; when every function does this, look whether a firewall keeps"
    " containers from reaching this machine"
)

Launch = Callable[[Function, str], ContainerSpec]
"""Function and environment id -> what to start; may take long, and raise `EngineError`."""


class Pool:
    def __init__(
        self,
        *,
        engine: Engine,
        launch: Launch,
        budget: int,
        clock: Clock,
        notices: Notices,
        most: int = 0,
        keep_warm: int = 0,
        freeze_after: float | None = None,
        cpus: Callable[[Function], float] | None = None,
    ) -> None:
        """`budget`: MB for all environments together; `most`: how many they may be.

        `freeze_after`: seconds that one idles before it is frozen; None: at once where that costs
        next to nothing, else five. `keep_warm`: how many of each function never expire.
        `cpus`: the processors' time that a function has once its init is over; None: no limit.
        """
        self._most = most or sys.maxsize
        self._keep_warm = keep_warm
        self._freeze_after = freeze_after
        self._cpus = cpus
        self._engine = engine
        self._launch = launch
        self._budget = budget
        self._clock = clock
        self._notices = notices
        self._changed = threading.Condition()
        self._environments: dict[str, Environment] = {}
        self._undertaker = ThreadPoolExecutor(_REMOVALS, "undertaker")
        self._stopping = False

    def mailbox(self, environment_id: str) -> Mailbox | None:
        environment = self._environments.get(environment_id)
        return None if environment is None else environment.mailbox

    def snapshot(self) -> list[placement.Slot]:
        with self._changed:
            return self._slots()

    def stocked(self) -> list[placement.Stock]:
        """What is prepared ahead for functions that have no environment yet: nothing, so far."""
        return []

    @contextmanager
    def lease(self, function: Function, patience: float) -> Iterator[Environment | Failure]:
        """An environment of this function's version, for one invocation.

        It is busy; or it is down, since its runtime has ended or its init has failed, and is to be
        started again by `restart`. Gives a `Failure` when nothing can be started, or there is no
        room within `patience` seconds.
        """
        leased = self._acquire(function, patience)
        if isinstance(leased, Failure):
            yield leased
            return
        turn = leased.turn
        try:
            yield leased
        finally:
            leased.release(turn)
            if self.freezes_after <= 0:
                self._freeze([leased], after=0)
            if leased.stale:
                self.retire_idle(after=float("inf"))

    def restart(self, environment: Environment, limit: float) -> bool:
        """Starts the runtime of a leased environment again: busy, or false and down again."""
        with self._changed:
            restarted = environment.move(Move.RESTARTED)
        return restarted and self._await_init(environment, limit)

    def end(self, environment: Environment) -> None:
        """Its time is up: the runtime is ended, or the container with it if that is no use."""
        environment.overdue = True
        environment.stop()
        if not environment.await_end(_END_LIMIT):
            environment.gone()

    @property
    def freezes_after(self) -> float:
        """Seconds that an environment idles before it is frozen."""
        if self._freeze_after is not None:
            return self._freeze_after
        return 0.0 if self._engine.freezes_at_once else _FREEZE_AFTER

    def freeze_idle(self, after: float) -> None:
        """Pauses what has been idle for `after` seconds, where the engine can."""
        with self._changed:
            environments = list(self._environments.values())
        self._freeze(environments, after)

    def retire_idle(self, after: float) -> None:
        """Retires what is stale, and what has been idle for `after` seconds but for `keep_warm`."""
        with self._changed:
            now = self._clock.monotonic()
            for slot in placement.to_retire(self._slots(), now, after, self._keep_warm):
                self._environments[slot.id].move(Move.RETIRED)

    def retire_versions(self, name: str, current: str | None) -> None:
        """The function's version is now `current` (None: it is gone); no other serves again."""
        with self._changed:
            for environment in self._environments.values():
                if environment.function.name == name and environment.version != current:
                    environment.stale = True
        self.retire_idle(after=float("inf"))

    def stop(self) -> None:
        """Removes every container; invocations under way end as `stopped`."""
        with self._changed:
            self._stopping = True
            for environment in list(self._environments.values()):
                environment.move(Move.RETIRED)
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._environments, _STOP_LIMIT)
        self._undertaker.shutdown(wait=False)

    def _slots(self) -> list[placement.Slot]:
        return [environment.slot for environment in self._environments.values()]

    def _freeze(self, environments: Iterable[Environment], after: float) -> None:
        if not self._engine.can_freeze:
            return
        with self._changed:
            slots = [environment.slot for environment in environments]
            due = placement.to_freeze(slots, self._clock.monotonic(), after)
            chosen = [self._environments[slot.id] for slot in due]
            for environment in chosen:
                environment.move(Move.IDLED)
        for environment in chosen:
            self._ask(environment, environment.freeze)

    def _acquire(self, function: Function, patience: float) -> Environment | Failure:
        give_up = self._clock.monotonic() + patience
        while True:
            found, was = self._find(function, give_up)
            if isinstance(found, Failure):
                return found
            if was is State.STARTING:
                return self._start(found)
            if was is not State.FROZEN or self._thaw(found):
                return found

    def _find(
        self, function: Function, give_up: float
    ) -> tuple[Environment, State] | tuple[Failure, None]:
        """An idle environment, now reserved, with the state it was in; or a new one to start."""
        with self._changed:
            while not self._stopping:
                slots = self._slots()
                idle = placement.serve_from(slots, function.version)
                if idle is not None:
                    environment = self._environments[idle.id]
                    environment.reserve()
                    environment.move(Move.LEASED)
                    return environment, idle.state
                evicted = placement.to_evict(slots, function.memory_limit, self._budget, self._most)
                if evicted is not None:
                    for slot in evicted:
                        self._environments[slot.id].move(Move.RETIRED)
                    return self._new(function), State.STARTING
                patience = give_up - self._clock.monotonic()
                if patience <= 0 or not self._changed.wait(patience):
                    return not_started("NoCapacity", "memory had no room for it in time"), None
        return stopped(), None

    def _new(self, function: Function) -> Environment:
        environment = Environment(
            id=ids.word(32),
            function=function,
            changed=self._changed,
            clock=self._clock,
            retiring=lambda gone: self._undertaker.submit(self._remove, gone),
        )
        environment.reserve()
        self._environments[environment.id] = environment
        return environment

    def _start(self, environment: Environment) -> Environment | Failure:
        """Makes its container and starts its runtime, which is busy for this lease, or down."""
        function = environment.function
        container: Container | None = None
        try:
            spec = self._launch(function, environment.id)
            environment.image = spec.image
            container = self._engine.create(spec, environment)
        except EngineError as error:
            self._notices.publish("environment_failed", function=function.name, error=error.message)
            return not_started(type(error).__name__, error.message)
        finally:
            environment.made(container)
        if not self._await_init(environment, INIT_LIMIT) and environment.overdue:
            self._notices.publish("environment_silent", function=function.name, hint=_SILENT)
        return environment

    def _await_init(self, environment: Environment, limit: float) -> bool:
        """Starts the runtime and waits until it is busy; after `limit` seconds it is ended."""
        environment.run()
        if not environment.await_move(State.STARTING, limit):
            self.end(environment)
            return False
        with self._changed:
            ready = environment.move(Move.LEASED)
        if ready:
            self._limit_cpu(environment)
        return ready

    def _limit_cpu(self, environment: Environment) -> None:
        """AWS gives every function the same speed until its init is over."""
        if self._cpus is not None:
            cpus = self._cpus(environment.function)
            self._ask(environment, lambda: environment.limit_cpu(cpus))

    def _thaw(self, environment: Environment) -> bool:
        """False: it could not be thawed, and is given up."""
        thawed = self._ask(environment, environment.thaw)
        if not thawed:
            environment.release(environment.turn)
        return thawed

    def _remove(self, environment: Environment) -> None:
        self._ask(environment, environment.remove)
        with self._changed:
            self._environments.pop(environment.id, None)
            environment.move(Move.REMOVED)

    def _ask(self, environment: Environment, verb: Callable[[], None]) -> bool:
        """False: the engine failed at it, which is told; no invocation fails for it."""
        try:
            verb()
        except EngineError as error:
            self._notices.publish("environment_failed", id=environment.id, error=error.message)
            return False
        return True
