"""A debug session: one function's environment apart, its debugger's port, and the calls that enter.

The environment is kept from the session's begin to its end, without time limits, freezing and
retirement, and takes one call at a time. When it is lost, or its function has new code and no
client is attached, another one takes its place at the same port.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from enum import Enum

from taskdock.base import ids
from taskdock.base.notices import Notices
from taskdock.base.timing.changes import Changes
from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.environment.provision.debugger import Debugger, debugged
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.lifecycle import State, Transition
from taskdock.lambdas.notices import DebuggerAttached, DebuggerDetached
from taskdock.lambdas.outcome import Failure
from taskdock.lambdas.pool.debugging.apart import Apart
from taskdock.lambdas.pool.debugging.relay import DebugPort

_PAUSE = 0.05  # seconds between two tries to reach a debugger that is not there yet
_REACH = 30.0  # seconds that a client waits for the debugger: a start may take as long
_GONE = (State.RETIRING, State.GONE)

Lease = Callable[[Function, float], "AbstractAsyncContextManager[Environment | Failure]"]
"""An environment for one call of a function, within so many seconds: see `Leasing.lease`."""


class Others(str, Enum):
    """The calls that come while the session's environment has one already."""

    WAIT = "wait"
    """They wait for the environment: the debugger sees every call."""
    NORMAL = "normal"
    """They run in usual environments."""


class DebugSession:
    """On the reactor's thread."""

    def __init__(
        self,
        *,
        function: Function,
        debugger: Debugger,
        others: Others,
        listening: socket.socket,
        find: Callable[[str], Function | None],
        apart: Apart,
        usual: Lease,
        loop: asyncio.AbstractEventLoop,
        notices: Notices,
        patience: float,
    ) -> None:
        """`listening`: the socket for debug clients, which is the session's own from now on.
        `find` gives the function as it is now, `usual`
        is the lease of a usual environment. `patience`: seconds that the environment may wait
        for room in memory."""
        self.id = ids.word()
        self.function = function
        """The code that is debugged."""
        self.debugger = debugger
        self.others = others
        self.calls = 0
        """Those that are in the environment, or wait for it."""
        self.failure: Failure | None = None
        """The reason why there is no environment."""
        self.closed = False
        self._find = find
        self._apart = apart
        self._usual = usual
        self._loop = loop
        self._notices = notices
        self._patience = patience
        self._environment: Environment | None = None
        self._starting: asyncio.Task[None] | None = None
        self._seen = 0  # clients
        self._is_leased = False  # it is busy, or down, for a call that has not come yet
        self._turn = asyncio.Lock()
        self._changes = Changes(loop)
        self.port = DebugPort(
            listening, debugger.language, loop=loop, reach=self._reach, changed=self._clients_moved
        )

    # Its state

    @property
    def has_new_code(self) -> bool:
        now = self._find(self.function.name)
        return now is not None and now.fingerprint != self.function.fingerprint

    @property
    def state(self) -> str:
        """`starting`, `ready`, `busy`, `down` or `failed`, for people."""
        environment = self._environment
        if self._starting is not None or environment is None or environment.state in _GONE:
            return "failed" if self.failure is not None else "starting"
        if environment.state is State.DOWN:
            return "down"
        return "busy" if self.calls else "ready"

    def begin(self) -> None:
        """Starts the environment, unless there is one."""
        if self._starting is None and not self.closed and not self._is_there:
            self._starting = self._loop.create_task(self._start())

    def close(self) -> None:
        """Ends the session: nothing is left of its environment, and calls that wait for it go on in
        usual ones. Closing again is harmless."""
        self.closed = True
        self.port.close()
        self._retire()
        self._changes.publish()

    # Calls

    @asynccontextmanager
    async def lease(
        self, function: Function, patience: float
    ) -> AsyncIterator[Environment | Failure]:
        """The session's environment for one call, as the pool's `lease`: a usual one where calls
        pass by, or the session ends."""
        in_use = self.calls > 0 or self._turn.locked() or self._starting is not None
        passes_by = in_use and self.others is Others.NORMAL
        async with AsyncExitStack() as held:
            leased = None if passes_by else await self._enter(held)
            if leased is None:
                leased = await held.enter_async_context(self._usual(function, patience))
            yield leased

    async def _enter(self, held: AsyncExitStack) -> Environment | Failure | None:
        """None: the session has ended."""
        self._count(1)
        held.callback(self._count, -1)
        await held.enter_async_context(self._turn)
        leased = await self._take()
        if isinstance(leased, Environment):
            held.callback(self._released, leased, leased.turn)
        if leased is None:
            await held.aclose()
        return leased

    async def _take(self) -> Environment | Failure | None:
        while not self.closed:
            if not self._is_there:
                self.begin()
                await self._started()
                if self.failure is not None and not self.closed:
                    return self.failure
                continue
            environment = self._environment
            assert environment is not None, "it is there"
            await self._started()
            if self.debugger.waits and not self.port.clients:
                await self._changes.until(lambda: bool(self.port.clients) or self.closed, math.inf)
            if self._is_leased and environment.state in (State.BUSY, State.DOWN):
                self._is_leased = False
                return environment
            await environment.left(State.SETTLING, math.inf)
            if environment.state in (State.READY, State.DOWN):
                environment.reserve()
                environment.move(Transition.LEASED)
                return environment
            self._is_leased = False
            await environment.left(environment.state, _PAUSE)
        return None

    def _released(self, environment: Environment, turn: int) -> None:
        environment.release(turn)
        self._loop.call_soon(self._renew)

    def _count(self, more: int) -> None:
        self.calls += more
        self._changes.publish()

    # Its environment

    @property
    def _is_there(self) -> bool:
        return self._environment is not None and self._environment.state not in _GONE

    async def _start(self) -> None:
        try:
            self.failure = None
            self.function = self._find(self.function.name) or self.function
            made = await self._apart.make(debugged(self.function, self.debugger), self._patience)
            if isinstance(made, Failure):
                self.failure = made
                return
            self._environment = made
            if self.closed:
                self._retire()
            self.failure = await self._apart.start(made)
            self._is_leased = self.failure is None
        finally:
            self._starting = None
            self._changes.publish()
            self._renew()

    async def _started(self) -> None:
        await self._changes.until(lambda: self._starting is None or self.closed, math.inf)

    def _retire(self) -> None:
        if self._environment is not None:
            self._environment.kept = False
            self._environment.move(Transition.RETIRED)

    def _renew(self) -> None:
        """Has new code take the place of the old, once nobody looks at that any more."""
        if self.closed or self.calls or self.port.clients or self._starting is not None:
            return
        if self._is_there and self.has_new_code:
            self._retire()
        if not self._is_there and self.failure is None:
            self.begin()

    def changed(self) -> None:
        """The function may have new code."""
        self._renew()

    # Clients

    async def _reach(self) -> socket.socket | None:
        """A connection to the debugger, which may have to be started for it."""
        give_up, restarting = self._loop.time() + _REACH, None
        while not self.closed and self._loop.time() < give_up:
            self.begin()
            environment = self._environment
            if environment is not None and self._is_there:
                if environment.state is State.DOWN and restarting is None:
                    restarting = self._loop.create_task(self._restart(environment))
                inside = await self._dial(environment)
                if inside is not None:
                    return inside
            await asyncio.sleep(_PAUSE)
        return None

    async def _dial(self, environment: Environment) -> socket.socket | None:
        answer: asyncio.Future[socket.socket | None] = self._loop.create_future()

        def dialed(connection: socket.socket | None) -> None:
            if not answer.cancelled():
                answer.set_result(connection)
            elif connection is not None:
                connection.close()

        environment.container.dial(self.debugger.language.port, dialed)
        return await answer

    async def _restart(self, environment: Environment) -> None:
        """Starts a runtime that has ended, for the call that comes next."""
        async with self._turn:
            if environment.state is State.DOWN and not self.closed:
                if not self._is_leased:
                    environment.reserve()
                self._is_leased = True
                await self._apart.restart(environment, math.inf)

    def _clients_moved(self) -> None:
        name, count = self.function.name, self.port.clients
        kind = DebuggerAttached if count > self._seen else DebuggerDetached
        self._seen = count
        self._notices.publish(kind(function=name, port=self.port.number, clients=count))
        self._changes.publish()
        self._renew()
