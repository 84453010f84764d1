"""Operations on environments: starts, restarts and ends them, as pool and invoker have decided.

They are called on the reactor's thread. Calls that take the engine long are made on other threads.
"""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from taskdock.base.errors import EngineError, EngineUnreachable
from taskdock.base.notices import Notices
from taskdock.base.timing.limits import Limits
from taskdock.base.timing.reactor import Reactor
from taskdock.engines.engine import Container, ContainerSpec, Engine, Observer
from taskdock.engines.watch import EngineWatch, ignore
from taskdock.lambdas.environment import spec
from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.environment.provision.provisioner import Provisioner
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.lifecycle import State, Transition
from taskdock.lambdas.notices import EnvironmentFailed, EnvironmentSilent
from taskdock.lambdas.outcome import Failure, could_not_start

_SILENT = "its init took too long"


class Prewarmed(Protocol):
    """A container that was started before its function was known, for an environment to take."""

    made: asyncio.Future[bool]
    """Whether there is a container in the end; False: the engine has failed."""
    container: Container | None
    """The container; None until it has been made."""
    image: str


class Operations:
    def __init__(
        self,
        *,
        engine: Engine,
        provisioner: Provisioner,
        reactor: Reactor,
        watch: EngineWatch,
        notices: Notices,
        limits: Limits,
        cpus: Callable[[Function], float] | None = None,
    ) -> None:
        """`cpus`: the processors' time that a function has once its init is over; None: no
        limit."""
        self.starts = ThreadPoolExecutor(limits.starts, "start")
        self._engine_calls = ThreadPoolExecutor(limits.engine_calls, "engine-call")
        self._creations = threading.BoundedSemaphore(limits.creations)
        self._engine = engine
        self._provisioner = provisioner
        self._reactor = reactor
        self._loop = reactor.loop
        self._watch = watch
        self._notices = notices
        self._cpus = cpus
        self._limits = limits

    async def start(self, environment: Environment, prewarmed: Prewarmed | None) -> Failure | None:
        """Has a container made, unless there is a prewarmed one, and starts the runtime in it.

        The environment is busy then, or down. It is retired and a failure returned when anything
        goes wrong, and as soon as the engine does not answer any more.
        """
        name = environment.function.name
        try:
            await self._while_it_starts(environment, self._take_container(environment, prewarmed))
            limit = math.inf if environment.kept else self._limits.init
            ready = await self._await_init(environment, limit)
        except EngineError as error:
            self._give_up(environment)
            self._notices.publish(EnvironmentFailed(function=name, error=error.message))
            return could_not_start(error)
        except BaseException:
            self._give_up(environment)
            raise
        if not ready and environment.runtime.overdue:
            self._notices.publish(EnvironmentSilent(function=name, hint=_SILENT))
        return None

    async def _while_it_starts(self, environment: Environment, taking: Awaitable[None]) -> None:
        """Returns as soon as the container has been taken or the environment is retired: a caller
        is not to wait minutes for the build of an image that it needs no more. The work goes on
        then, and ends by `Environment.made`."""
        taken = asyncio.ensure_future(self._watch.while_it_answers(taking))
        retired = asyncio.ensure_future(environment.retired_unmade())
        try:
            await asyncio.wait((taken, retired), return_when=asyncio.FIRST_COMPLETED)
        finally:
            retired.cancel()
        if taken.done():
            taken.result()
        else:
            taken.add_done_callback(ignore)

    @staticmethod
    def _give_up(environment: Environment) -> None:
        environment.move(Transition.RETIRED)
        if environment.unmade and not environment.being_made:  # nobody else will call it
            environment.made(None)

    async def restart(self, environment: Environment, limit: float) -> bool:
        """Starts the runtime of a leased environment again. Returns whether it is busy then; else
        it is down again, or gone."""
        return environment.move(Transition.RESTARTED) and await self._await_init(environment, limit)

    async def end(self, environment: Environment) -> None:
        """Ends a runtime whose time is up. A container whose runtime does not end goes with it."""
        environment.runtime.overdue = True
        environment.container.stop()
        if not await environment.ended(self._limits.runtime_end):
            environment.gone()

    def close(self) -> None:
        for threads in (self._engine_calls, self.starts):
            threads.shutdown(wait=False)

    async def _take_container(self, environment: Environment, prewarmed: Prewarmed | None) -> None:
        if prewarmed is not None and await prewarmed.made:
            await self._in_prewarmed_container(environment, prewarmed)
        else:
            await self._in_new_container(environment)

    async def _in_new_container(self, environment: Environment) -> None:
        """Calls `Environment.made` in the end, whether somebody still waits for it or not. An
        environment that is retired by then, perhaps by a stop that has not waited, gets none."""

        def create() -> None:
            container: Container | None = None
            try:
                if not environment.retired:  # while it waited for a free thread
                    container = self.make(
                        self._provision(environment), environment, lambda: not environment.retired
                    )
                if container is not None and environment.retired:
                    container.kill()
                    container.remove()
                    container = None
            finally:
                self._reactor.call(environment.made, container)

        self._watch.check()
        creating = self._loop.run_in_executor(self.starts, create)
        environment.being_made = True
        await creating

    def _provision(self, environment: Environment) -> ContainerSpec:
        container_spec, environment.program = self._provisioner.provision(
            environment.function, environment.id
        )
        environment.image = container_spec.image
        return container_spec

    def make(
        self, spec: ContainerSpec, observer: Observer, is_wanted: Callable[[], bool]
    ) -> Container | None:
        """Has the engine make a container; None where it is wanted no more when its turn comes. Few
        are made at a time, which leaves the engine the time to remove others. On any thread. Raises
        `EngineError`."""
        with self._creations:
            if not is_wanted():
                return None
            return self._engine.create(spec, observer, self._reactor)

    async def _in_prewarmed_container(self, environment: Environment, prewarmed: Prewarmed) -> None:
        container = prewarmed.container
        assert container is not None, "it has been made"
        function, id = environment.function, environment.id
        name = spec.container_name(function.name, id)
        environment.image = prewarmed.image
        if environment.retired:  # while it was made; its folder may be gone
            return
        assigned = self._loop.run_in_executor(
            self._engine_calls, self._provisioner.assign, function, id
        )
        try:
            environment.program = await assigned
        except EngineError as error:
            if environment.state is not State.STARTING:  # it has ended, and its folder with it
                return
            if isinstance(error, EngineUnreachable):
                self._watch.failed(error.message)
            raise
        rename = self._ask(environment, lambda: container.rename(name))
        self._reactor.spawn(rename)  # nobody waits for a name

    async def _await_init(self, environment: Environment, limit: float) -> bool:
        """Starts the runtime and waits until it is busy; after `limit` seconds it is ended."""
        environment.start_runtime()
        if not await environment.left(State.STARTING, limit):
            await self.end(environment)
            return False
        ready = environment.move(Transition.LEASED)
        if ready and self._cpus is not None:  # AWS gives all the same speed until init is over
            cpus = self._cpus(environment.function)
            await self._ask(environment, lambda: environment.container.limit_cpu(cpus))
        return ready

    async def _ask(self, environment: Environment, verb: Callable[[], None]) -> None:
        """Has the engine do what no invocation depends on: a failure is only published."""
        try:
            asked = self._loop.run_in_executor(self._engine_calls, verb)
            await self._watch.while_it_answers(asked)
        except EngineError as error:
            self._publish_failure(environment, error)

    def _publish_failure(self, environment: Environment, error: EngineError) -> None:
        self._notices.publish(EnvironmentFailed(id=environment.id, error=error.message))
