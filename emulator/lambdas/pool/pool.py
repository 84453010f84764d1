"""All environments of this server: leased to calls, frozen and retired when they idle, removed.

The pool puts its parts together: `Leasing` finds an environment for a call, `Starts` starts new
ones, `PrewarmPool` has containers ready for them, `Fleet` is all environments that there are.
Everything is on the reactor's thread and needs no locks there. The methods for other threads say
so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager

from taskdock.base.health import Health
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.limits import Limits
from taskdock.base.timing.reactor import Reactor
from taskdock.engines.engine import Engine
from taskdock.engines.watch import EngineWatch
from taskdock.lambdas.environment.environment import Environment, Lead
from taskdock.lambdas.environment.mailbox import Mailbox
from taskdock.lambdas.environment.operations import Operations
from taskdock.lambdas.environment.provision.provisioner import Provisioner
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.lifecycle import State
from taskdock.lambdas.notices import ContainersLeft, EnvironmentMoved
from taskdock.lambdas.outcome import Failure
from taskdock.lambdas.pool.debugging.apart import ApartVerbs
from taskdock.lambdas.pool.fleet import Fleet
from taskdock.lambdas.pool.leasing import Leasing, MemoryBudget
from taskdock.lambdas.pool.prewarm.plan import PrewarmPlan
from taskdock.lambdas.pool.prewarm.prewarm_pool import PrewarmPool
from taskdock.lambdas.pool.removal.removals import Removals
from taskdock.lambdas.pool.removal.retirements import Retirements
from taskdock.lambdas.pool.starts import Starts
from taskdock.lambdas.pool.waiters import WaitingCalls
from taskdock.lambdas.slot import EnvironmentReport, PrewarmLevel, Slot

_LEFT = (
    "the engine has not removed them in time; their functions have ended, and the next start on"
    " this data folder removes them"
)


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
        budget: MemoryBudget,
        health: Health,
        clock: Clock,
        notices: Notices,
        limits: Limits,
        keep_warm: int = 0,
        prewarm: int = 0,
        freeze_after: float = 0.0,
        cpus: Callable[[Function], float] | None = None,
    ) -> None:
        """`lead` serves what calls from an environment's container. `live`: the fingerprints that
        each function has now, by its name; it may change at any time.

        `freeze_after`: seconds that an environment idles before it is frozen. `keep_warm`: how many
        of each fingerprint never expire. `prewarm`: how many containers to prewarm for each shape
        in use. `cpus`: the processors' time that a function has once its init is over; None: no
        limit.
        """
        self.reactor, self._loop, self._notices = reactor, reactor.loop, notices
        self._clock, self._limits, self._lead, self._stopped = clock, limits, lead, False
        self._removals = Removals(reactor=reactor, health=health, limits=limits, notices=notices)
        self.operations = Operations(
            engine=engine,
            provisioner=provisioner,
            reactor=reactor,
            watch=watch,
            notices=notices,
            limits=limits,
            cpus=cpus,
        )
        self._fleet = Fleet(clock=clock, keep_warm=keep_warm)
        self._retirements = Retirements(
            fleet=self._fleet,
            removals=self._removals,
            discard=provisioner.discard,
            freed=lambda: self._leasing.serve_soon(),  # noqa: PLW0108 - it comes later
        )
        self._prewarmed = PrewarmPool(
            create=self.operations.make,
            provisioner=provisioner,
            reactor=reactor,
            starts=self.operations.starts,
            removals=self._removals,
            plan=PrewarmPlan(
                per_shape=prewarm,
                can_prewarm=provisioner.can_prewarm,
                clock=clock,
                limits=limits,
            ),
            has_room=lambda size: self._leasing.has_room(size),  # noqa: PLW0108 - later
            changed=self._retirements.changed,
            clock=clock,
            notices=notices,
        )
        self._starts = Starts(
            fleet=self._fleet,
            prewarmed=self._prewarmed,
            operations=self.operations,
            new_environment=self._new_environment,
            live=live,
        )
        self._leasing = Leasing(
            loop=self._loop,
            clock=clock,
            limits=limits,
            fleet=self._fleet,
            prewarmed=self._prewarmed,
            starts=self._starts,
            watch=watch,
            budget=budget,
            linger=limits.linger if freeze_after <= 0 else None,
        )
        make, start, restart = self._leasing.make_apart, self._starts.start, self.operations.restart
        self.apart = ApartVerbs(make, start, restart)

    # For other threads

    def snapshot(self) -> list[Slot]:
        return self._fleet.snapshot()

    def report(self) -> list[EnvironmentReport]:
        return self._fleet.report()

    def held(self) -> int:
        """MB that all containers hold together, also those that are made or removed."""
        return self._leasing.held()

    def waiting(self) -> list[WaitingCalls]:
        """The calls that wait for an environment, and why; the oldest first."""
        return self._leasing.waiting()

    def prewarm_levels(self) -> list[PrewarmLevel]:
        """The counts of containers that are prewarmed, and that are wanted."""
        return self._prewarmed.levels()

    def expect(self, function: Function) -> None:
        """The function will be called: a container may be prewarmed for it."""
        self.reactor.call(self._prewarmed.expect, function)

    def prewarm(self, expired: float) -> None:
        """Prewarms what is missing, and gives up what nobody has wanted for `expired` seconds."""
        self.reactor.call(self._prewarmed.expire, expired)
        self.reactor.call(self._prewarmed.fill)

    def freeze_idle(self, after: float) -> None:
        """Freezes what has been idle for `after` seconds; returns when that is done."""
        self.reactor.run(self._freeze_idle(after))

    def retire_idle(self, after: float) -> None:
        """Retires what is stale, and what has been idle for `after` seconds but for `keep_warm`."""
        self.reactor.call(self._fleet.retire_idle, after)

    def retire_others(self, name: str, fingerprints: frozenset[str]) -> None:
        """The function has these fingerprints now (none: it is gone). No environment of another
        one serves a call that is made from now on."""
        self.reactor.call(self._fleet.retire_others, name, fingerprints)

    def end_running(self) -> None:
        """Has all invocations end that are under way, as by a reset. Their environments are
        retired; those that idle stay."""
        self.reactor.call(self._leasing.end_running)

    def stop(self) -> None:
        """Removes every container; invocations under way end as `stopped`.

        Returns after `Limits.environments_stop` seconds at most. A container that an engine makes
        later is removed by the thread that has waited for it; where this process ends first, its
        launcher ends, and the next start on this data folder removes it by its label.
        """
        if self._stopped:
            return
        self.reactor.run(self._stop())
        self._stopped = True
        self._removals.close()
        self.operations.close()

    # For invocations

    def mailbox(self, environment_id: str) -> Mailbox | None:
        environment = self._fleet.get(environment_id)
        return None if environment is None else environment.runtime.mailbox

    def lease(
        self, function: Function, patience: float
    ) -> AbstractAsyncContextManager[Environment | Failure]:
        """An environment for one invocation: see `Leasing.lease`."""
        return self._leasing.lease(function, patience)

    def too_late(self, function: Function, patience: float) -> Failure:
        """The failure of an invocation for which there was no room within `patience` seconds."""
        return self._leasing.too_late(function, patience)

    # The life of an environment

    def _new_environment(self, id: str, function: Function) -> Environment:
        return Environment(
            id=id,
            function=function,
            loop=self._loop,
            clock=self._clock,
            limits=self._limits,
            moved=self._moved,
            lead=self._lead,
        )

    def _moved(self, environment: Environment, before: State) -> None:
        state = environment.state
        if state is State.RETIRING and not environment.unmade:
            self._retirements.remove(environment)
        if environment.stale and environment.idle:
            self._loop.call_soon(self._fleet.retire_stale)
        self._leasing.serve_soon()
        if state is not before and self._notices.wants(EnvironmentMoved):
            self._notices.publish(
                EnvironmentMoved(
                    id=environment.id, function=environment.function.name, from_=before, to=state
                )
            )

    async def _freeze_idle(self, after: float) -> None:
        self._fleet.freeze_idle(after)

    async def _stop(self) -> None:
        self._leasing.close()
        self._prewarmed.close()
        self._fleet.retire_all()
        limit = self._limits.environments_stop
        await self._retirements.await_all(lambda: self._prewarmed.is_empty, limit)
        if left := len(self._leasing.holding()):
            self._notices.publish(ContainersLeft(count=left, hint=_LEFT))
