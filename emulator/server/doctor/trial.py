"""One container as functions have them, made to see what really works in it: one try after another.

It goes the very way of a function's: the engine's `create`, the launcher, the door, the disk. Only
its image is taskdock's own, so no runtime is needed. What it has eaten stays in its peak of memory,
so that is to be tried before its limit.
"""

from __future__ import annotations

import queue
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from emulator.base import ids
from emulator.base.errors import EngineError
from emulator.base.timing.reactor import Reactor
from emulator.engines.docker.images.probe import PROGRAM
from emulator.engines.ending import ProgramExit
from emulator.engines.engine import Container, ContainerSpec, Engine, Mount, Program

MEMORY = 64  # MB
STORAGE = 8  # MB of /tmp
LABEL = "dev.taskdock.doctor"

_CODE = "/var/task"
_FILE = "hello"
_GREETING = "the code is here"
_EATEN = 24  # MB that a program uses and gives back
_TICK = 0.02  # seconds
_TICKS = 3  # that show that it runs
_SETTLE = 0.1  # seconds in which what was printed before a freeze may arrive
_QUIET = 0.3  # seconds without a tick that show that it does not run
_LIMIT = 20.0  # seconds for anything here


@dataclass(frozen=True)
class Ran:
    lines: tuple[str, ...]
    exit: ProgramExit
    peak: int  # bytes of memory, at most; 0: not known


@dataclass(frozen=True)
class Frozen:
    held: bool
    """Nothing ran meanwhile."""
    thawed: bool
    """It ran again."""


class Trial:
    """`with Trial(...) as trial:` has a container; it is removed at the end."""

    def __init__(
        self, engine: Engine, reactor: Reactor, image: str, *, run: str, code: Path | None = None
    ) -> None:
        """`run`: the label's value for all containers of one examination. `code`: a folder of this
        machine's, as a function's. Raises `StartFailed`."""
        self._told: queue.SimpleQueue[bytes | ProgramExit | int | None] = queue.SimpleQueue()
        self._reactor = reactor
        spec = ContainerSpec(
            image=image,
            name=f"taskdock-doctor-{ids.word()}",
            memory=MEMORY,
            storage=STORAGE,
            labels={LABEL: run},
            mounts=() if code is None else (Mount(source=code, target=_CODE),),
        )
        begun = time.monotonic()
        self._container = engine.create(spec, self, reactor)
        self.seconds = time.monotonic() - begun
        """That its making and start took."""

    def __enter__(self) -> Trial:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.remove()

    def remove(self) -> None:
        self._container.remove()

    # The engine's listener, on the reactor's thread

    def output(self, line: bytes) -> None:
        self._told.put(line)

    def flushed(self, peak: int) -> None:
        self._told.put(peak)

    def exited(self, exit: ProgramExit) -> None:
        self._told.put(exit)

    def called(self, letter: str, connection: socket.socket) -> None:
        connection.close()

    def gone(self) -> None:
        self._told.put(None)

    # What is tried

    def greet(self) -> bool:
        """Whether a program runs and is heard."""
        return self._run("echo hello").lines == ("hello",)

    def read_code(self) -> bool:
        """Whether a program can read what `write_code` has put there."""
        return self._run(f"{PROGRAM} cat {_CODE}/{_FILE}").lines == (_GREETING,)

    def eat_and_give_back(self) -> Ran:
        return self._run(_eat(_EATEN))

    def eat_too_much(self) -> Ran:
        """Three times what the container may have."""
        return self._run(f"exec {_eat(3 * MEMORY)}")

    def fill_scratch(self) -> Ran:
        """Writes twice what /tmp should hold."""
        return self._run(f"exec {PROGRAM} dd if=/dev/zero of=/tmp/full bs=1M count={2 * STORAGE}")

    def freeze(self) -> Frozen:
        """Raises `EngineError`."""
        self._start(f"while :; do echo tick; {PROGRAM} sleep {_TICK}; done")
        for _ in range(_TICKS):
            self._next(_LIMIT)
        self._on_reactor(lambda container: container.freeze())
        time.sleep(_SETTLE)
        self._pass_over()
        time.sleep(_QUIET)
        held = self._told.empty()
        self._on_reactor(lambda container: container.thaw())
        self._pass_over()
        try:
            self._next(_LIMIT)
        except EngineError:
            return Frozen(held, thawed=False)
        self._on_reactor(lambda container: container.stop())
        while not isinstance(self._next(_LIMIT), ProgramExit):
            pass
        return Frozen(held, thawed=True)

    # How

    def _run(self, script: str) -> Ran:
        self._start(script)
        lines = []
        while True:
            told = self._next(_LIMIT)
            if isinstance(told, ProgramExit):
                break
            if isinstance(told, bytes):
                lines.append(told.decode(errors="replace"))
        self._on_reactor(lambda container: container.flush())
        peak = self._next(_LIMIT)
        return Ran(tuple(lines), told, peak if isinstance(peak, int) else 0)

    def _start(self, script: str) -> None:
        program = Program(entrypoint=(PROGRAM, "sh", "-c", script), arguments=())
        self._on_reactor(lambda container: container.run(program))

    def _on_reactor(self, verb: Callable[[Container], object]) -> None:
        self._reactor.call(verb, self._container)

    def _next(self, limit: float) -> bytes | ProgramExit | int:
        """The next that is told of the container. Raises `EngineError` when it has ended."""
        try:
            told = self._told.get(timeout=limit)
        except queue.Empty:
            raise EngineError(
                f"a container of taskdock's own said nothing for {limit:g} s"
            ) from None
        if told is None:
            raise EngineError("a container of taskdock's own ended by itself")
        return told

    def _pass_over(self) -> None:
        while not self._told.empty():
            self._told.get()


EATEN = _EATEN * 1024 * 1024
"""Bytes that `eat_and_give_back` uses, at least."""


def write_code(folder: Path) -> Path:
    """A folder in `folder` with what `read_code` reads; as a function's, all users may read it."""
    code = folder / "code"
    code.mkdir()
    (code / _FILE).write_text(f"{_GREETING}\n")
    code.chmod(0o755)
    (code / _FILE).chmod(0o644)
    return code


def _eat(megabytes: int) -> str:
    """`dd` has a buffer of that size, and fills it."""
    return f"{PROGRAM} dd if=/dev/zero of=/dev/null bs={megabytes}M count=1"
