"""One container in its Lambda role: its state, its mailbox, its output.

It listens to the engine and to its mailbox; the pool decides what becomes of it. All of it is on
the reactor's thread, but for the verbs that ask the engine and wait for it. Its runtime may be
started several times, as on AWS: after a crash or a time-out the container serves on with its /tmp.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from datetime import datetime
from math import inf

from emulator.base.timing.clock import Clock
from emulator.engines.ending import ProgramExit
from emulator.engines.engine import Container, Program
from emulator.lambdas import lifecycle
from emulator.lambdas.environment.mailbox import Mailbox
from emulator.lambdas.functions.function import Function
from emulator.lambdas.lifecycle import Move, State
from emulator.lambdas.log_line import LogLine, message_of
from emulator.lambdas.outcome import Failure
from emulator.lambdas.slot import Slot, is_idle

Write = Callable[[str], None]
Lead = Callable[["Environment", str, socket.socket], object]
"""Serves a connection from an environment's container, to the forward of this letter."""

MAX_LOG = 16 * 1024 * 1024
"""Bytes of output that are kept of one invocation: who prints for ever shall not fill the disk."""
_ROW = 128  # bytes that a line counts beside its own: what a row of the database takes
_PIPE = 32 * 1024  # bytes that a pipe surely takes at once
_QUIET = 0.2  # seconds without output after which nothing is left inside a runtime


class Environment:
    def __init__(
        self,
        *,
        id: str,
        function: Function,
        loop: asyncio.AbstractEventLoop,
        clock: Clock,
        moved: Callable[[Environment], object],
        lead: Lead,
    ) -> None:
        """`moved` is called after each change of its state. `lead` takes what calls from its
        container."""
        self.id = id
        self.function = function
        self.fingerprint = function.fingerprint
        self.state = State.STARTING
        self.stale = False
        self.turn = 0
        """Counts leases. Whoever gives one back says which, since the next may have begun."""
        self.image = ""
        self.program = Program()
        self.retired = False
        self.peak = 0  # bytes of memory, as far as measured
        self.begun: datetime = clock.now()
        """When its runtime was started."""
        self.init_milliseconds: float | None = None
        """How long the runtime's init took; None: it has not been through it."""
        self.overdue = False
        """The runtime was stopped because its time was up."""
        self.end: ProgramExit | None = None
        """How the runtime has ended; None: it runs."""
        self._ended: float | None = None
        self._loop = loop
        self._moved = moved
        self._lead = lead
        self._watchers: list[asyncio.Future[None]] = []  # who waits for a change
        self._clock = clock
        self.since = self._begun = clock.monotonic()
        self._reserved = False
        self.being_made = False
        """Somebody has its container made, and will say so by `made`, however that ends."""
        self.unmade = True
        """It is not known yet whether it has a container."""
        self._container: Container | None = None
        self._write: Write | None = None
        self._unread: list[LogLine] = []
        self._kept = 0  # bytes of this invocation's log
        self._printed = self._printed_before = 0  # bytes since it was ready; at the last look
        self._last_output = self._begun
        self._awaited: deque[Callable[[], None]] = deque()  # what to do at each coming flush
        self._run = 0  # counts starts of the runtime; what an earlier one did changes nothing
        self.mailbox = self._new_mailbox()

    # For the pool

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
            reserved=self._reserved,
            function=self.function.name,
        )

    @property
    def idle(self) -> bool:
        return is_idle(self.state, self._reserved)

    def move(self, by: Move) -> bool:
        """Makes the move if the table has it, and tells who waits."""
        if not lifecycle.allows(self.state, by):
            return False
        self.state = lifecycle.move(self.state, by)
        self.since = self._clock.monotonic()
        if by is Move.ANSWERED:
            self._reserved = False
        if by is Move.RETIRED:
            self.retired = True
        self._tell_watchers()
        self._moved(self)
        return True

    def reserve(self) -> None:
        """Keeps it for one lease until it has answered, or is released."""
        self._reserved = True
        self.turn += 1

    def release(self, turn: int) -> None:
        """That lease is over. What has not answered in it, or still starts, can serve no more."""
        if self.turn != turn:
            return
        self._reserved = False
        if self.state in (State.BUSY, State.STARTING):
            self.move(Move.RETIRED)

    def made(self, container: Container | None) -> None:
        """The engine has made the container; None: there is none and there will be none.

        Where it has been retired meanwhile, that is told anew: now it can be removed. What is said
        first counts.
        """
        if not self.unmade:
            return
        retiring = self.state is State.RETIRING
        self._container = container
        self.unmade = self.being_made = False
        if container is None:
            self.gone()
        if retiring:
            self._moved(self)

    def run(self) -> None:
        """Starts the runtime: from here its init is counted."""
        if self.state is not State.STARTING:
            return  # it has been retired meanwhile
        self.mailbox = self._new_mailbox()
        self._awaited.clear()  # one that was never answered would take the next one's answer
        self.end, self._ended, self.overdue = None, None, False
        self.init_milliseconds = None
        self.begun = self._clock.now()
        self._begun = self._clock.monotonic()
        if self._container is not None:
            self._container.run(self.program)

    def stop(self) -> None:
        """Ends the runtime; `EXITED` follows."""
        if self._container is not None:
            self._container.stop()

    def freeze(self) -> None:
        if self.move(Move.IDLED) and self._container is not None:
            self._container.freeze()

    def thaw(self) -> None:
        if self._container is not None:
            self._container.thaw()

    def limit_cpu(self, cpus: float) -> None:
        if self._container is not None:
            self._container.limit_cpu(cpus)

    def kill(self) -> None:
        """Ends the container, and so frees what its programs hold."""
        if self._container is not None:
            self._container.kill()

    def remove(self) -> None:
        """Removes the container that was made; on any thread. Raises `EngineError`."""
        if self._container is not None:
            self._container.remove()

    async def left(self, state: State, limit: float) -> bool:
        """Waits, `limit` seconds at most, until it is in this state no more."""
        return await self._until(lambda: self.state is not state, limit)

    async def retired_unmade(self) -> None:
        """Waits until it is retired before it is known whether it has a container."""
        await self._until(lambda: self.retired and self.unmade, inf)

    async def ended(self, limit: float) -> bool:
        """Waits, `limit` seconds at most, until its runtime has ended and its output is here."""
        return await self._until(lambda: self.end is not None, limit)

    async def _until(self, condition: Callable[[], bool], limit: float) -> bool:
        """Looks again at each change."""
        if condition():
            return True
        over = self._loop.create_future()
        timer = self._loop.call_later(limit, over.set_result, None)
        over.add_done_callback(lambda _: self._tell_watchers())
        try:
            while not condition() and not over.done():
                change = self._loop.create_future()
                self._watchers.append(change)
                await change
        finally:
            timer.cancel()
        return condition()

    def _tell_watchers(self) -> None:
        watchers, self._watchers = self._watchers, []
        for change in watchers:
            if not change.done():
                change.set_result(None)

    # For the invoker

    @property
    def age_milliseconds(self) -> float:
        """Since its runtime was started, and until it has ended."""
        return ((self._ended or self._clock.monotonic()) - self._begun) * 1000

    @property
    def init_failure(self) -> Failure | None:
        """What the runtime said of its failed init."""
        return self.mailbox.init_failure

    def record(self, write: Write) -> list[LogLine]:
        """From now on output goes to `write`; returns what was printed before anyone recorded."""
        lines, self._unread = self._unread, []
        self._write = write
        self._kept = 0
        return lines

    async def settle(self, limit: float) -> None:
        """Waits until it is done with the invocation it has answered, as long as output comes.

        `limit` seconds without any, or its function's time limit in all, end the waiting.
        """
        begun = self._last_output = self._clock.monotonic()
        while self.state is State.SETTLING:
            now = self._clock.monotonic()
            if now - self._last_output >= limit or now - begun >= self.function.time_limit:
                return
            await self.left(State.SETTLING, limit)

    # What the engine says (engine.Listener)

    def output(self, line: bytes) -> None:
        self._printed += len(line) + 1
        self._last_output = self._clock.monotonic()
        message = message_of(line)
        over, self._kept = self._kept > MAX_LOG, self._kept + len(line) + _ROW
        if self._kept > MAX_LOG:
            if self._container is not None:
                self._container.mute()
            if over:
                return
            message = f"taskdock keeps {MAX_LOG >> 20} MB of a log; what follows is left out"
        if self._write is None:
            self._unread.append(LogLine(self._clock.now(), message))
        else:
            self._write(message)

    def flushed(self, peak: int) -> None:
        self.peak = max(self.peak, peak)
        if self._awaited:
            self._awaited.popleft()()

    def exited(self, exit: ProgramExit) -> None:
        self.peak = max(self.peak, exit.peak)
        if exit.out_of_memory:
            self.peak = self.function.memory_limit * 1024 * 1024
        self._end(exit, Move.EXITED)

    def called(self, letter: str, connection: socket.socket) -> None:
        self._lead(self, letter, connection)

    def gone(self) -> None:
        self._end(ProgramExit(), Move.LOST)

    def _end(self, end: ProgramExit, by: Move) -> None:
        if self.end is None:
            self.end, self._ended = end, self._clock.monotonic()
        self.move(by)
        self._tell_watchers()
        self.mailbox.close(end)

    # What the runtime does, through the mailbox

    def _new_mailbox(self) -> Mailbox:
        self._run += 1
        run = self._run
        return Mailbox(
            polled=lambda: self._polled(run),
            answered=lambda: self._move(run, Move.ANSWERED),
            init_failed=lambda: self._flush(self.stop),  # most end by themselves, others do not
        )

    def _polled(self, run: int) -> None:
        if self.init_milliseconds is None:
            self.init_milliseconds = self.age_milliseconds
        self._flush(lambda: self._settled(run))

    def _settled(self, run: int) -> None:
        """All that has left the runtime has arrived. After more than a pipe holds, some may still
        be inside it, since Node.js writes on while it waits for work: then look once more."""
        printed = self._printed
        if printed >= _PIPE and printed != self._printed_before:
            self._printed_before = printed
            self._loop.call_later(_QUIET, self._flush, lambda: self._settled(run))
            return
        self._printed = self._printed_before = 0
        self._move(run, Move.POLLED)

    def _move(self, run: int, by: Move) -> None:
        if run == self._run:
            self.move(by)

    def _flush(self, then: Callable[[], None]) -> None:
        """`then` is called when all output up to now has been handed over, unless it ends first."""
        self._awaited.append(then)
        if self._container is not None:
            self._container.flush()
