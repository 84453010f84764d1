"""One container in its Lambda role: its state, its mailbox, its output.

It listens to the engine and to its mailbox; the pool decides what becomes of it. States change
under the pool's condition only, so that whoever waits there sees each change.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from emulator.clock import Clock
from emulator.engines.engine import Container, ContainerExit
from emulator.functions.function import Function
from emulator.lambdas import lifecycle
from emulator.lambdas.lifecycle import Move, State
from emulator.lambdas.logs import LogLine
from emulator.lambdas.mailbox import Mailbox
from emulator.lambdas.outcome import ContainerEnd
from emulator.lambdas.placement import Slot

Write = Callable[[str], None]

_PIPE = 32 * 1024  # bytes that a pipe surely takes at once
_QUIET = 0.1  # seconds without output after which nothing is left inside a runtime


class Environment:
    def __init__(
        self,
        *,
        id: str,
        function: Function,
        changed: threading.Condition,
        clock: Clock,
        retiring: Callable[[Environment], object],
    ) -> None:
        """`retiring` is called once, under `changed`, when it has to be removed."""
        self.id = id
        self.function = function
        self.version = function.version
        self.mailbox = Mailbox(
            polled=self._polled, answered=self._answered, init_failed=self._init_failed
        )
        self.state = State.STARTING
        self.stale = False
        self.turn = 0
        """Counts leases. Whoever gives one back says which, since the next may have begun."""
        self.end: ContainerEnd | None = None
        self.ended_by: Move | None = None
        """The move that ended its serving."""
        self.peak = 0  # bytes of memory, as far as measured
        self.init_milliseconds: float | None = None
        self._changed = changed
        self._clock = clock
        self._since = self._born = clock.monotonic()
        self._retiring = retiring
        self._reserved = True  # for the lease that starts it
        self._launched = threading.Event()  # the engine has made the container, or failed to
        self._pausing = threading.Lock()  # between the engine's freeze and thaw
        self._container: Container | None = None
        self._write: Write | None = None
        self._init_lines: list[LogLine] = []
        self._printed = self._printed_before = 0  # bytes since it was ready; at the last look
        self._last_output = self._born
        self._awaited: deque[Callable[[], None]] = deque()  # what to do at each coming flush

    # For the pool

    @property
    def slot(self) -> Slot:
        return Slot(
            id=self.id,
            version=self.version,
            state=self.state,
            memory=self.function.memory_limit,
            time_limit=self.function.time_limit,
            since=self._since,
            stale=self.stale,
            reserved=self._reserved,
        )

    @property
    def age_milliseconds(self) -> float:
        return (self._clock.monotonic() - self._born) * 1000

    def move(self, by: Move) -> bool:
        """Makes the move if the table has it, and wakes who waits. Needs the pool's condition."""
        if not lifecycle.allows(self.state, by):
            return False
        before, self.state = self.state, lifecycle.move(self.state, by)
        self._since = self._clock.monotonic()
        if self.state is State.BUSY:
            self._reserved = False
            self.turn += 1
        if self.state is State.RETIRING and before is not State.RETIRING:
            self.ended_by = by
            self._retiring(self)
        self._changed.notify_all()
        return True

    def begin(self) -> None:
        """Init is counted from here: what came before was a pull or a build."""
        self._born = self._clock.monotonic()

    def started(self, container: Container) -> None:
        """The engine has made the container; its program may have asked for work already."""
        with self._changed:
            self._container = container
            unsent = len(self._awaited)
        self._launched.set()
        for _ in range(unsent):
            container.flush()

    def not_started(self) -> None:
        """There is no container and there will be none."""
        with self._changed:
            self._end(ContainerEnd(None))
        self._launched.set()

    def freeze(self) -> None:
        with self._pausing:
            if self.state is State.FROZEN and self._container is not None:
                self._container.freeze()

    def thaw(self) -> None:
        with self._pausing:
            if self._container is not None:
                self._container.thaw()

    def limit_cpu(self, cpus: float) -> None:
        if self._container is not None:
            self._container.limit_cpu(cpus)

    def remove(self) -> None:
        """Kills and removes the container, once the engine has made it."""
        self._launched.wait()
        if self._container is not None:
            self._container.kill()
            self._container.remove()

    # For the invoker

    def record(self, write: Write) -> list[LogLine]:
        """From now on output goes to `write`; returns what was printed before anyone recorded."""
        with self._changed:
            lines, self._init_lines = self._init_lines, []
            self._write = write
        return lines

    def flush(self, then: Callable[[], None]) -> None:
        """`then` is called when all output up to now has been handed over, unless it ends first."""
        with self._changed:
            self._awaited.append(then)
            container = self._container
        if container is not None:
            container.flush()

    def drain(self, limit: float) -> None:
        """Waits `limit` seconds at most until all output up to now was handed over, or it ended."""
        flushed = threading.Event()
        self.flush(flushed.set)
        self._await(flushed.is_set, limit)

    def settle(self, limit: float) -> None:
        """Waits until it is done with the invocation it has answered, as long as output comes.

        `limit` seconds without any, or its function's time limit in all, end the waiting.
        """
        begun = self._last_output = self._clock.monotonic()
        while self.state is State.SETTLING and self.end is None:
            now = self._clock.monotonic()
            if now - self._last_output >= limit or now - begun >= self.function.time_limit:
                return
            self._await(lambda: self.state is not State.SETTLING, limit)

    def await_end(self, limit: float) -> None:
        """Waits, `limit` seconds at most, until it has ended and its output is complete."""
        self._await(lambda: False, limit)

    def _await(self, done: Callable[[], bool], limit: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: done() or self.end is not None, limit)

    # What the engine says (engine.Listener)

    def output(self, line: bytes) -> None:
        # Runtimes keep a message of several lines together with carriage returns.
        self._printed += len(line) + 1
        self._last_output = self._clock.monotonic()
        message = line.decode(errors="replace").rstrip("\r\n").replace("\r", "\n")
        with self._changed:
            write = self._write
            if write is None:
                self._init_lines.append(LogLine(self._clock.now(), message))
        if write is not None:
            write(message)

    def flushed(self, peak: int) -> None:
        self.peak = max(self.peak, peak)
        then = self._awaited.popleft() if self._awaited else None
        if then is not None:
            then()
        with self._changed:
            self._changed.notify_all()

    def exited(self, exit: ContainerExit) -> None:
        if exit.out_of_memory:
            self.peak = self.function.memory_limit * 1024 * 1024
        with self._changed:
            self._end(ContainerEnd(exit.code, exit.out_of_memory))

    def _end(self, end: ContainerEnd) -> None:
        self.end = end
        self.move(Move.EXITED)
        self._changed.notify_all()
        self.mailbox.close(end)

    # What the runtime does, through the mailbox

    def _polled(self) -> None:
        if self.init_milliseconds is None:
            self.init_milliseconds = self.age_milliseconds
        self.flush(self._settled)

    def _settled(self) -> None:
        """All that has left the runtime has arrived. After more than a pipe holds, some may still
        be inside it, since Node.js writes on while it waits for work: then look once more."""
        printed = self._printed
        if printed >= _PIPE and printed != self._printed_before:
            self._printed_before = printed
            again = threading.Timer(_QUIET, self.flush, (self._settled,))
            again.daemon = True
            again.start()
            return
        self._printed = self._printed_before = 0
        with self._changed:
            self.move(Move.POLLED)

    def _answered(self) -> None:
        with self._changed:
            self.move(Move.ANSWERED)

    def _init_failed(self) -> None:
        """Most runtimes end by themselves now, others have to be ended."""
        self.flush(self._give_up)

    def _give_up(self) -> None:
        with self._changed:
            self.move(Move.INIT_FAILED)
