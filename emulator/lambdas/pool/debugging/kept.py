"""The environment that a debug session keeps: made, started, taken by one call after the other.

When it is lost, or given up, another one takes its place: for the next call, or for a client that
wants the debugger.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable

from taskdock.base.timing.changes import Changes
from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.environment.provision.debugger import Debugger, debugged
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.lifecycle import State, Transition
from taskdock.lambdas.outcome import Failure
from taskdock.lambdas.pool.debugging.apart import ApartVerbs

_PAUSE = 0.05  # seconds between two tries to reach a debugger that is not there yet
_REACH = 30.0  # seconds that a client waits for the debugger: a start may take as long
_GONE = (State.RETIRING, State.GONE)


class KeptEnvironment:
    """On the reactor's thread."""

    def __init__(
        self,
        function: Function,
        debugger: Debugger,
        *,
        find: Callable[[str], Function | None],
        apart: ApartVerbs,
        changes: Changes,
        loop: asyncio.AbstractEventLoop,
        patience: float,
    ) -> None:
        """`find` gives a function as it is now. `changes` is told when anything has changed.
        `patience`: seconds that a new environment may wait for room in memory."""
        self.function = function
        """The code that runs here."""
        self.failure: Failure | None = None
        """The reason why there is none."""
        self.turn = asyncio.Lock()
        """Held by the call that is in the environment, or comes next."""
        self._debugger = debugger
        self._find = find
        self._apart = apart
        self._changes = changes
        self._loop = loop
        self._patience = patience
        self._environment: Environment | None = None
        self._starting: asyncio.Task[None] | None = None
        self._is_leased = False  # it is busy, or down, for a call that has not come yet
        self._closed = False

    @property
    def is_there(self) -> bool:
        return self._environment is not None and self._environment.state not in _GONE

    @property
    def is_starting(self) -> bool:
        return self._starting is not None

    @property
    def is_down(self) -> bool:
        return self._environment is not None and self._environment.state is State.DOWN

    @property
    def has_new_code(self) -> bool:
        now = self._find(self.function.name)
        return now is not None and now.fingerprint != self.function.fingerprint

    def begin(self) -> None:
        """Makes one of the newest code and starts it, unless there is one."""
        if self._starting is None and not self._closed and not self.is_there:
            self._starting = self._loop.create_task(self._start())

    def retire(self) -> None:
        """Gives it up; a call that runs in it ends."""
        if self._environment is not None:
            self._environment.kept = False
            self._environment.move(Transition.RETIRED)

    def close(self) -> None:
        """Gives it up, for good."""
        self._closed = True
        self.retire()

    async def take(self) -> Environment | Failure | None:
        """The environment for one call, which is busy then, or down. None: it is closed. The caller
        holds `turn`."""
        while not self._closed:
            self.begin()
            await self._changes.until(lambda: self._starting is None or self._closed, math.inf)
            if self._closed:
                break
            if self.failure is not None:
                return self.failure
            environment = self._environment
            if environment is not None and await self._lend(environment):
                return environment
        return None

    async def connect(self) -> socket.socket | None:
        """A connection to the debugger, which is started for it where need be; None: there is
        none."""
        give_up, restarting = self._loop.time() + _REACH, None
        while not self._closed and self._loop.time() < give_up:
            self.begin()
            environment = self._environment
            if environment is not None and self.is_there:
                if self.is_down:
                    self._changes.publish()
                if self.is_down and restarting is None:
                    restarting = self._loop.create_task(self._restart(environment))
                connection = await self._dial(environment)
                if connection is not None:
                    return connection
            await asyncio.sleep(_PAUSE)
        return None

    async def _start(self) -> None:
        try:
            self.failure, self._is_leased = None, False
            self.function = self._find(self.function.name) or self.function
            made = await self._apart.make(debugged(self.function, self._debugger), self._patience)
            if isinstance(made, Failure):
                self.failure = made
                return
            self._environment = made
            if self._closed:
                self.retire()
            self.failure = await self._apart.start(made)
            self._is_leased = self.failure is None
        finally:
            self._starting = None
            self._changes.publish()

    async def _lend(self, environment: Environment) -> bool:
        """Whether it is busy now, or down, for a call. Else it is to be looked at again."""
        if self._is_leased:
            self._is_leased = False
            return environment.state in (State.BUSY, State.DOWN)
        await environment.left(State.SETTLING, math.inf)
        if environment.state not in (State.READY, State.DOWN):
            await environment.left(environment.state, _PAUSE)
            return False
        environment.reserve()
        environment.move(Transition.LEASED)
        return True

    async def _restart(self, environment: Environment) -> None:
        """Starts a runtime that has ended, for the call that comes next."""
        async with self.turn:
            if environment.state is State.DOWN and not self._closed:
                if not self._is_leased:
                    environment.reserve()
                self._is_leased = True
                await self._apart.restart(environment, math.inf)

    async def _dial(self, environment: Environment) -> socket.socket | None:
        answer: asyncio.Future[socket.socket | None] = self._loop.create_future()

        def dialed(connection: socket.socket | None) -> None:
            if not answer.cancelled():
                answer.set_result(connection)
            elif connection is not None:
                connection.close()

        environment.container.dial(self._debugger.language.port, dialed)
        return await answer
