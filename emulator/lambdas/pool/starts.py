"""Starts environments: each is new, and reserved for the call that has it started."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from taskdock.base import ids
from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.environment.operations import Operations
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.outcome import Failure
from taskdock.lambdas.pool.fleet import Fleet
from taskdock.lambdas.pool.prewarm.prewarm_pool import PrewarmPool
from taskdock.lambdas.pool.prewarm.prewarmed_container import PrewarmedContainer
from taskdock.lambdas.slot import ASKED

NewEnvironment = Callable[[str, Function], Environment]
"""An environment of this id and function, without a container."""


class Starts:
    """On the reactor's thread."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        prewarmed: PrewarmPool,
        operations: Operations,
        new_environment: NewEnvironment,
        live: Mapping[str, frozenset[str]],
    ) -> None:
        """`live`: the fingerprints that each function has now, by its name; it may change at any
        time."""
        self._fleet = fleet
        self._prewarmed = prewarmed
        self._operations = operations
        self._new_environment = new_environment
        self._live = live
        self._containers: dict[str, PrewarmedContainer] = {}  # by the environment's id

    @property
    def is_empty(self) -> bool:
        """No new environment waits for `start` with a prewarmed container."""
        return not self._containers

    def new(self, function: Function) -> Environment:
        """An environment that holds room from now on. `start` or `give_up` follows."""
        container = self._prewarmed.take(function)
        id = ids.word(32) if container is None else container.id
        environment = self._new_environment(id, function)
        # Its function may have changed while the call waited: then it serves that call alone.
        environment.stale = function.fingerprint not in self._live.get(function.name, ())
        environment.reserve()
        self._fleet.add(environment)
        if container is not None:
            self._containers[environment.id] = container
            container.serve(environment)
        return environment

    async def start(self, environment: Environment) -> Failure | None:
        """Starts it: it is busy then, or down. A failure when it could not be started."""
        environment.calls.expect(ASKED.get())
        container = self._containers.pop(environment.id, None)
        try:
            return await self._operations.start(environment, container)
        finally:
            self._prewarmed.started(environment.function)

    def give_up(self, environment: Environment) -> None:
        """The environment is not to be started, since its call has gone."""
        self._containers.pop(environment.id, None)
        self._prewarmed.started(environment.function)
        if not environment.being_made:
            environment.made(None)
