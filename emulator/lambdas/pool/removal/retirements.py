"""Retirements: environments that are retired are removed, and forgotten when they are gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.lifecycle import Transition
from taskdock.lambdas.pool.fleet import Fleet
from taskdock.lambdas.pool.removal.removals import Removals


class Retirements:
    """On the reactor's thread."""

    def __init__(
        self,
        *,
        fleet: Fleet,
        removals: Removals,
        discard: Callable[[str], object],
        freed: Callable[[], object],
    ) -> None:
        """`discard` removes the files of the container of an environment with this id, on any
        thread. `freed` is called when there is more room."""
        self._fleet = fleet
        self._removals = removals
        self._discard = discard
        self._freed = freed
        self._changed = asyncio.Event()

    def remove(self, environment: Environment) -> None:
        """Kills its container at once, and has it removed."""

        def remove() -> None:
            environment.container.remove()
            self._discard(environment.id)

        environment.container.kill()
        self._removals.remove(environment.id, remove, partial(self._forget, environment))

    def changed(self) -> None:
        """There may be more room, or less to wait for."""
        self._changed.set()
        self._freed()

    async def await_all(self, are_gone: Callable[[], bool], limit: float) -> None:
        """Waits `limit` seconds at most until all environments are gone, and `are_gone` too."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + limit
        while self._fleet or not are_gone():
            self._changed.clear()
            try:
                await asyncio.wait_for(self._changed.wait(), give_up - loop.time())
            except asyncio.TimeoutError:
                return

    def _forget(self, environment: Environment) -> None:
        self._fleet.forget(environment)
        environment.move(Transition.REMOVED)
        self.changed()
