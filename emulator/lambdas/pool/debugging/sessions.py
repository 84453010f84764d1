"""The debug sessions of a server, one for each function at most. Each ends with its owner.

The owner is a command that says every few seconds that it is still there. So a session ends with
the command, in whatever way that ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from taskdock.base.errors import ForeignFile, IllegalState, NotFound
from taskdock.base.notices import Notices
from taskdock.base.timing.limits import Limits
from taskdock.base.timing.reactor import Reactor
from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.environment.provision.debugger import DebuggerFiles, Language, language_of
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.notices import DebugSessionBegan, DebugSessionEnded
from taskdock.lambdas.outcome import Failure
from taskdock.lambdas.pool.debugging import relay
from taskdock.lambdas.pool.debugging.apart import ApartVerbs
from taskdock.lambdas.pool.debugging.session import DebugSession, Lease, Others


@dataclass(frozen=True, kw_only=True)
class DebugWish:
    """How a function is to be debugged."""

    port: int | None = None
    """Of this machine's loopback; None: any that is free."""
    waits: bool = False
    """The function's first module, and each call, wait for a client."""
    others: Others = Others.WAIT
    language: str | None = None
    """Of a function that is an image."""


@dataclass(frozen=True, kw_only=True)
class DebugState:
    """A session at one moment."""

    id: str
    function: str
    language: Language
    port: int
    clients: int
    state: str
    calls: int
    others: Others
    waits: bool
    has_new_code: bool
    time_limit: int  # seconds, which is off
    failure: str
    """The reason why nothing runs; "": there is none."""


class DebugSessions:
    def __init__(
        self,
        *,
        apart: ApartVerbs,
        usual: Lease,
        reactor: Reactor,
        find: Callable[[str], Function | None],
        files: DebuggerFiles,
        notices: Notices,
        limits: Limits,
    ) -> None:
        """`usual`: the lease of a usual environment. `find` gives a function by its name."""
        self._apart = apart
        self._usual = usual
        self._reactor = reactor
        self._find = find
        self._files = files
        self._notices = notices
        self._limits = limits
        self._by_function: dict[str, DebugSession] = {}
        self._over: dict[str, asyncio.TimerHandle] = {}  # by the session's id
        self._closed = False

    # For any thread but the reactor's

    def begin(self, name: str, wish: DebugWish) -> DebugState:
        """A new session, whose environment starts now. Raises `NotFound`, and `IllegalState` where
        the function cannot be debugged."""
        function = self._find(name)
        if function is None:
            raise NotFound(f"there is no function '{name}'")
        if not function.enabled:
            raise IllegalState(f"the function {name} is disabled, so no call would come")
        language = language_of(function, wish.language)
        try:
            debugger = self._files.debugger(function, language, waits=wish.waits)
        except (ForeignFile, OSError) as error:
            reason = f"the debugger's files cannot be put into the data folder: {error}"
            raise IllegalState(reason) from None
        listening = relay.listen(language, wish.port)

        async def begin() -> DebugState:
            taken = self._by_function.get(name)
            if taken is not None or self._closed:
                listening.close()
                raise IllegalState(_taken(name, taken))
            session = DebugSession(
                function=function,
                debugger=debugger,
                others=wish.others,
                listening=listening,
                find=self._find,
                apart=self._apart,
                usual=self._usual,
                loop=self._reactor.loop,
                notices=self._notices,
                patience=self._limits.patience,
            )
            self._by_function[name] = session
            self._keep(session)
            self._notices.publish(DebugSessionBegan(function=name, port=session.port.number))
            session.begin()
            return _state(session)

        return self._reactor.run(begin())

    def renew(self, id: str) -> DebugState:
        """The owner of the session is still there. Raises `NotFound`."""

        async def renew() -> DebugState:
            session = self._get(id)
            self._keep(session)
            return _state(session)

        return self._reactor.run(renew())

    def end(self, id: str) -> DebugState:
        """Ends the session. Raises `NotFound`."""

        async def end() -> DebugState:
            session = self._get(id)
            self._end(session, "its command has ended")
            return _state(session)

        return self._reactor.run(end())

    def all(self) -> list[DebugState]:
        """The sessions, the oldest first."""

        async def all() -> list[DebugState]:
            return [_state(session) for session in self._by_function.values()]

        return self._reactor.run(all())

    def changed(self, name: str) -> None:
        """The function has changed, or has gone."""
        self._reactor.call(self._changed, name)

    def close(self) -> None:
        """Ends all sessions, for a stop of the server."""

        async def close() -> None:
            self._closed = True
            for session in list(self._by_function.values()):
                self._end(session, "the server stops")

        self._reactor.run(close())

    # On the reactor's thread

    def lease(
        self, function: Function, patience: float
    ) -> AbstractAsyncContextManager[Environment | Failure]:
        """An environment for one call: that of the function's debug session, or a usual one."""
        session = self._by_function.get(function.name)
        lease = self._usual if session is None else session.lease
        return lease(function, patience)

    def _get(self, id: str) -> DebugSession:
        for session in self._by_function.values():
            if session.id == id:
                return session
        raise NotFound("there is no such debug session: it has ended")

    def _keep(self, session: DebugSession) -> None:
        """For as long as its owner may be silent."""
        if (timer := self._over.pop(session.id, None)) is not None:
            timer.cancel()
        silent = "its command was not heard of any more"
        seconds = self._limits.debug_silence
        self._over[session.id] = self._reactor.loop.call_later(seconds, self._end, session, silent)

    def _end(self, session: DebugSession, reason: str) -> None:
        self._over.pop(session.id).cancel()
        name = session.name
        del self._by_function[name]
        session.close()
        self._notices.publish(
            DebugSessionEnded(function=name, port=session.port.number, reason=reason)
        )

    def _changed(self, name: str) -> None:
        session = self._by_function.get(name)
        if session is None:
            return
        if self._find(name) is None:
            self._end(session, "the function was deleted")
        else:
            session.renew()


def _taken(name: str, session: DebugSession | None) -> str:
    if session is None:
        return "the server is stopping"
    return (
        f"{name} is being debugged already, on port {session.port.number}; end that with Ctrl-C"
        " where it runs"
    )


def _state(session: DebugSession) -> DebugState:
    environment = session.environment
    return DebugState(
        id=session.id,
        function=session.name,
        language=session.debugger.language,
        port=session.port.number,
        clients=session.port.clients,
        state=session.state,
        calls=session.calls,
        others=session.others,
        waits=session.debugger.waits,
        has_new_code=environment.has_new_code,
        time_limit=environment.function.time_limit,
        failure="" if environment.failure is None else environment.failure.message,
    )
