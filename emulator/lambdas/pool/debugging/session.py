"""A debug session: one function's environment, its debugger's port, and the calls that enter.

The environment is kept from the session's begin to its end, without time limits, freezing and
retirement, and takes one call at a time. New code takes the place of the old once no client is
attached and no call runs.
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
from taskdock.lambdas.environment.provision.debugger import Debugger
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.notices import DebuggerAttached, DebuggerDetached
from taskdock.lambdas.outcome import Failure
from taskdock.lambdas.pool.debugging.apart import ApartVerbs
from taskdock.lambdas.pool.debugging.kept import KeptEnvironment
from taskdock.lambdas.pool.debugging.relay import DebugPort

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
        apart: ApartVerbs,
        usual: Lease,
        loop: asyncio.AbstractEventLoop,
        notices: Notices,
        patience: float,
    ) -> None:
        """`listening`: the socket for debug clients, which is the session's own from now on.
        `find` gives a function as it is now, `usual` is the lease of a usual environment.
        `patience`: seconds that the session's environment may wait for room in memory."""
        self.id = ids.word()
        self.name = function.name
        self.debugger = debugger
        self.others = others
        self.calls = 0
        """Those that are in the environment, or wait for it."""
        self.closed = False
        self._usual = usual
        self._loop = loop
        self._notices = notices
        self._clients = 0  # as they were seen last
        self._changes = Changes(loop)
        self.environment = KeptEnvironment(
            function,
            debugger,
            find=find,
            apart=apart,
            changes=self._changes,
            loop=loop,
            patience=patience,
        )
        self.port = DebugPort(
            listening,
            debugger.language,
            loop=loop,
            reach=self.environment.connect,
            changed=self._clients_moved,
        )

    @property
    def state(self) -> str:
        """`starting`, `ready`, `busy`, `down`, `failed` or `ended`, for people."""
        if self.closed:
            return "ended"
        if self.environment.is_starting or not self.environment.is_there:
            return "starting" if self.environment.failure is None else "failed"
        if self.environment.is_down:
            return "down"
        return "busy" if self.calls else "ready"

    def begin(self) -> None:
        """Starts the environment."""
        self.environment.begin()

    def close(self) -> None:
        """Ends the session: nothing is left of its environment, and calls that wait for it go on in
        usual ones. Closing again is harmless."""
        self.closed = True
        self.port.close()
        self.environment.close()
        self._changes.publish()

    def renew(self) -> None:
        """Has new code take the place of the old, once nobody looks at that any more."""
        if self.closed or self.calls or self.port.clients or self.environment.is_starting:
            return
        if self.environment.is_there and self.environment.has_new_code:
            self.environment.retire()
            self.environment.begin()

    # Calls

    @asynccontextmanager
    async def lease(
        self, function: Function, patience: float
    ) -> AsyncIterator[Environment | Failure]:
        """The session's environment for one call, as the pool's `lease`; a usual one where calls
        pass by, or the session ends."""
        in_use = self.calls > 0 or self.environment.is_starting
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
        await held.enter_async_context(self.environment.turn)
        await self._changes.until(self._may_begin, math.inf)
        leased = await self.environment.take()
        if isinstance(leased, Environment):
            held.callback(leased.release, leased.turn)
        if leased is None:
            await held.aclose()
        return leased

    def _may_begin(self) -> bool:
        """Whether a call need not wait for a client: a runtime that starts for it does that."""
        starts = not self.environment.is_there or self.environment.is_down
        return not self.debugger.waits or self.port.clients > 0 or starts or self.closed

    def _count(self, more: int) -> None:
        self.calls += more
        self._changes.publish()
        self._loop.call_soon(self.renew)

    # Clients

    def _clients_moved(self) -> None:
        before, self._clients = self._clients, self.port.clients
        kind = DebuggerAttached if self._clients > before else DebuggerDetached
        self._notices.publish(
            kind(function=self.name, port=self.port.number, clients=self._clients)
        )
        self._changes.publish()
        self._loop.call_soon(self.renew)
