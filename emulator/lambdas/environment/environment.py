"""One container in its Lambda role: its state, its leases, and the runtime that runs in it.

It is told by the engine and by its mailbox; the pool decides what becomes of it. `Recording` has
its lines, `Settling` knows when a runtime is done, `RuntimeRun` is one run of its runtime. As on
AWS, a runtime that has crashed or used up its time is started again in the same container, with the
same /tmp.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from math import inf

from taskdock.base.timing.changes import Changes
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.limits import Limits
from taskdock.engines.ending import ProgramExit
from taskdock.engines.engine import Container, Program
from taskdock.lambdas import lifecycle
from taskdock.lambdas.environment.no_container import NoContainer
from taskdock.lambdas.environment.provision.syntax_place import telling
from taskdock.lambdas.environment.recording import Recording, Write
from taskdock.lambdas.environment.runtime_run import RuntimeRun
from taskdock.lambdas.environment.settling import Settling
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.lifecycle import State, Transition
from taskdock.lambdas.log_line import LogLine
from taskdock.lambdas.slot import Calls, Slot, is_idle

Lead = Callable[["Environment", str, socket.socket], object]
"""Serves a connection from an environment's container, to the forward of this letter."""
Moved = Callable[["Environment", State], object]
"""Called with the environment and the state that it was in before."""


class Environment:
    """On the reactor's thread. It is an `Observer` of its container."""

    def __init__(
        self,
        *,
        id: str,
        function: Function,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        limits: Limits,
        moved: Moved,
        lead: Lead,
    ) -> None:
        """`moved` is called after each change of its state, and when it becomes known that an
        environment that is retired already has a container."""
        self.id, self.function = id, function
        self.fingerprint = function.fingerprint
        self.state = State.STARTING
        self.since = clock.monotonic()  # when it came into its state
        self.stale = False  # no further call may use it: its function has changed or gone
        self.turn = 0
        """The number of the environment's latest lease. The holder names it when giving the lease
        back, since the next lease may have begun."""
        self.retired = False
        self.reset = False  # retired by a reset, whatever ran in it
        self.kept = False  # by a debug session: it never idles, and its init may take any time
        self.calls = Calls()
        self.peak = 0  # bytes of memory, as far as measured
        self.image, self.program = "", Program()
        self.container: Container = NoContainer()
        self.being_made = False  # somebody has its container made, and will call `made`
        self.unmade = True  # it is not known yet whether it has a container
        self._reserved = False
        self._loop, self._clock, self._moved, self._lead = loop, clock, moved, lead
        self._changes = Changes(loop)
        self._recording = Recording(clock=clock, max_log=limits.max_log)
        self._settling = Settling(
            loop=loop,
            flush=lambda: self.container.flush(),  # noqa: PLW0108 - it changes
            pipe=limits.pipe,
            quiet=limits.quiet,
        )
        self.runtime = self._new_runtime()

    # State and lease

    @property
    def slot(self) -> Slot:
        return Slot(
            id=self.id,
            fingerprint=self.fingerprint,
            state=self.state,
            memory=self.function.memory_limit,
            time_limit=self.function.time_limit,
            since=self.since,
            stale=self.stale,
            reserved=self.kept or self._reserved,
            function=self.function.name,
        )

    @property
    def idle(self) -> bool:
        return is_idle(self.state, self.kept or self._reserved)

    def move(self, by: Transition) -> bool:
        """Makes the move if the table has it, and says so to whoever waits for a change."""
        before = self.state
        if not lifecycle.allows(before, by):
            return False
        self.state = lifecycle.move(before, by)
        self.since = self._clock.monotonic()
        if by is Transition.ANSWERED:
            self._reserved = False
        if by is Transition.RETIRED:
            self.retired = True
        self._changes.publish()
        self._moved(self, before)
        return True

    def reserve(self) -> None:
        """Keeps it for one lease until it has answered, or is released."""
        self._reserved = True
        self.turn += 1

    def release(self, turn: int) -> None:
        """Ends the lease of this number. An environment that has not answered in its lease, or
        still starts, can serve no more."""
        if self.turn != turn:
            return
        self._reserved = False
        self.calls.leave(self.calls.present)
        if self.state in (State.BUSY, State.STARTING):
            self.move(Transition.RETIRED)

    async def left(self, state: State, limit: float) -> bool:
        """Waits, `limit` seconds at most, until it is in this state no more."""
        return await self._changes.until(lambda: self.state is not state, limit)

    async def retired_unmade(self) -> None:
        """Waits until it is retired before it is known whether it has a container."""
        await self._changes.until(lambda: self.retired and self.unmade, inf)

    async def ended(self, limit: float) -> bool:
        """Waits, `limit` seconds at most, until its runtime has ended and its output is here."""
        return await self._changes.until(lambda: self.runtime.end is not None, limit)

    # Its container

    def made(self, container: Container | None) -> None:
        """The engine has made the container; None: there is none and there will be none.

        Only the first call counts. An environment that has been retired meanwhile can be removed
        from now on, so `moved` is called once more.
        """
        if not self.unmade:
            return
        retiring = self.state is State.RETIRING
        self.unmade = self.being_made = False
        if container is None:
            self.gone()
        else:
            self.container = container
        if retiring:
            self._moved(self, State.RETIRING)

    def start_runtime(self) -> None:
        """Begins a run of the runtime, whose init is counted from here. Does nothing where the
        environment has been retired meanwhile."""
        if self.state is not State.STARTING:
            return
        self._settling.restart()
        failed, self.runtime = self.runtime.init_failure, self._new_runtime()
        self.container.run(telling(self.program, self.function.runtime, failed))

    def freeze(self) -> None:
        """Does nothing unless it is ready."""
        if self.move(Transition.IDLED):
            self.container.freeze()

    # An invocation in it

    def record(self, write: Write) -> list[LogLine]:
        """Hands output to `write` from now on; returns the lines that nobody has recorded yet."""
        return self._recording.begin(write)

    async def settle(self, limit: float) -> None:
        """Waits until the runtime is done with the invocation that it has answered, as long as
        output comes: until `limit` seconds without any, or its function's time limit in all."""
        begun = self._loop.time()  # a function's own time, whatever the clock says
        while self.state is State.SETTLING:
            now = self._loop.time()
            silence = now - max(begun, self._settling.last_output)
            if silence >= limit or now - begun >= self.function.time_limit:
                return
            await self.left(State.SETTLING, limit)

    # Notices from its container (`engine.Observer`)

    def output(self, line: bytes) -> None:
        self._settling.printed(len(line) + 1)
        if not self._recording.add(line):
            self.container.mute()

    def flushed(self, peak: int) -> None:
        self.peak = max(self.peak, peak)
        self._settling.flushed()

    def exited(self, exit: ProgramExit) -> None:
        self.peak = max(self.peak, exit.peak)
        if exit.out_of_memory:
            self.peak = self.function.memory_limit * 1024 * 1024
        self._end(exit, Transition.EXITED)

    def called(self, letter: str, connection: socket.socket) -> None:
        self._lead(self, letter, connection)

    def gone(self) -> None:
        self._end(ProgramExit(), Transition.LOST)

    def _end(self, end: ProgramExit, by: Transition) -> None:
        self.runtime.ended(end)
        self.move(by)
        self._changes.publish()
        self.runtime.mailbox.close(end)

    # Its runtime (`RuntimeRun`)

    def _new_runtime(self) -> RuntimeRun:
        return RuntimeRun(
            clock=self._clock,
            settling=self._settling,
            moved=self._move_of,
            stop=lambda: self.container.stop(),  # noqa: PLW0108 - it changes
        )

    def _move_of(self, run: RuntimeRun, by: Transition) -> None:
        """A run that is over changes nothing any more."""
        if run is self.runtime:
            self.move(by)
