"""The attendant: does with environments what the pool and the invoker have decided.

It starts and ends them. It is called on the reactor's thread; what takes
the engine long is done on threads of its own.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from emulator.base.errors import EngineError, EngineUnreachable
from emulator.base.notices import Notices
from emulator.base.timing.limits import Limits
from emulator.base.timing.reactor import Reactor
from emulator.engines.engine import Container, ContainerSpec, Engine, Observer
from emulator.engines.watch import EngineWatch, ignore
from emulator.lambdas.environment import spec
from emulator.lambdas.environment.environment import Environment
from emulator.lambdas.environment.provisioner import Provisioner
from emulator.lambdas.functions.function import Function
from emulator.lambdas.lifecycle import Move, State
from emulator.lambdas.notices import EnvironmentFailed, EnvironmentSilent
from emulator.lambdas.outcome import Failure, could_not_start

_END_LIMIT = 5.0  # seconds that a runtime has to end when it is stopped
_STARTS = 32  # side by side; each may wait for a pull or a build
_MAKES = 8  # of them that have the engine make a container; more would only slow each other down
_ERRANDS = 8  # calls to the engine that take a moment, side by side

_SILENT = "its init took too long"


class Prewarmed(Protocol):
    """A container that was made ahead of need, as far as an environment that takes it goes."""

    made: asyncio.Future[bool]
    container: Container | None
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
        self.starters = ThreadPoolExecutor(_STARTS, "starter")
        self.errands = ThreadPoolExecutor(_ERRANDS, "errand")
        self._making = threading.BoundedSemaphore(_MAKES)
        self._engine = engine
        self._provisioner = provisioner
        self._reactor = reactor
        self._loop = reactor.loop
        self._watch = watch
        self._notices = notices
        self._cpus = cpus
        self._limits = limits

    async def start(self, environment: Environment, prepared: Prewarmed | None) -> Failure | None:
        """Makes its container, or takes the one that is prepared, and starts its runtime.

        It is busy then, or down. Whatever goes wrong, it is retired; as soon as the engine does not
        answer any more, too.
        """
        name = environment.function.name
        try:
            await self._while_it_starts(environment, self._take_container(environment, prepared))
            ready = await self._await_init(environment, self._limits.init)
        except EngineError as error:
            self._give_up(environment)
            self._notices.publish(EnvironmentFailed(function=name, error=error.message))
            return could_not_start(error)
        except BaseException:
            self._give_up(environment)
            raise
        if not ready and environment.overdue:
            self._notices.publish(EnvironmentSilent(function=name, hint=_SILENT))
        return None

    async def _while_it_starts(self, environment: Environment, taking: Awaitable[None]) -> None:
        """Who waits for an environment that is retired meanwhile hears of that at once: making its
        container may be a build of minutes. It goes on, and ends by `Environment.made`."""
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
        environment.move(Move.RETIRED)
        if environment.unmade and not environment.being_made:  # nobody else will say so
            environment.made(None)

    async def restart(self, environment: Environment, limit: float) -> bool:
        """Starts the runtime of a leased environment again: busy, or false and down again."""
        return environment.move(Move.RESTARTED) and await self._await_init(environment, limit)

    async def end(self, environment: Environment) -> None:
        """Its time is up: the runtime is ended, or the container with it if that is no use."""
        environment.overdue = True
        environment.stop()
        if not await environment.ended(_END_LIMIT):
            environment.gone()

    def close(self) -> None:
        for threads in (self.errands, self.starters):
            threads.shutdown(wait=False)

    async def _take_container(self, environment: Environment, prepared: Prewarmed | None) -> None:
        if prepared is not None and await prepared.made:
            await self._in_prepared_container(environment, prepared)
        else:
            await self._in_new_container(environment)

    async def _in_new_container(self, environment: Environment) -> None:
        """What was made is told to its environment, whether somebody still waits for it or not.
        One that is retired by then, perhaps by a stop that has not waited, gets none."""

        def create() -> None:
            container: Container | None = None
            try:
                if not environment.retired:  # while it waited for a free thread
                    wanted = self._outfit(environment)
                    container = self.make(wanted, environment, lambda: not environment.retired)
                if container is not None and environment.retired:
                    container.kill()
                    container.remove()
                    container = None
            finally:
                self._reactor.call(environment.made, container)

        self._watch.check()
        creating = self._loop.run_in_executor(self.starters, create)
        environment.being_made = True
        await creating

    def _outfit(self, environment: Environment) -> ContainerSpec:
        made, environment.program = self._provisioner.outfit(environment.function, environment.id)
        environment.image = made.image
        return made

    def make(
        self, spec: ContainerSpec, listener: Observer, is_wanted: Callable[[], bool]
    ) -> Container | None:
        """A container, or None where it is wanted no more when its turn comes. On any thread; the
        engine is left the time to remove others meanwhile. Raises `EngineError`."""
        with self._making:
            if not is_wanted():
                return None
            return self._engine.create(spec, listener, self._reactor)

    async def _in_prepared_container(self, environment: Environment, prepared: Prewarmed) -> None:
        container = prepared.container
        assert container is not None, "it is in stock"
        function, id = environment.function, environment.id
        name = spec.container_name(function.name, id)
        environment.image = prepared.image
        if environment.retired:  # while it was made; its folder may be gone
            return
        assigned = self._loop.run_in_executor(self.errands, self._provisioner.assign, function, id)
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
        environment.run()
        if not await environment.left(State.STARTING, limit):
            await self.end(environment)
            return False
        ready = environment.move(Move.LEASED)
        if ready and self._cpus is not None:  # AWS gives all the same speed until init is over
            cpus = self._cpus(environment.function)
            await self._ask(environment, lambda: environment.limit_cpu(cpus))
        return ready

    async def _ask(self, environment: Environment, verb: Callable[[], None]) -> None:
        """Where the engine fails at it, that is told; no invocation fails for it."""
        try:
            asked = self._loop.run_in_executor(self.errands, verb)
            await self._watch.while_it_answers(asked)
        except EngineError as error:
            self._tell_of(environment, error)

    def _tell_of(self, environment: Environment, error: EngineError) -> None:
        self._notices.publish(EnvironmentFailed(id=environment.id, error=error.message))
