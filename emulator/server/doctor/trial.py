"""Trial: one container, made like a function's, in which one ability after another is tried.

The container is made as a function's is: by the engine's `create`, with the launcher, the door and
the disk. Only the image is taskdock's own, so no runtime is needed. Memory that a program has used
stays in the container's peak, so the peak is tried before the memory limit.
"""

from __future__ import annotations

import queue
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from taskdock.base import ids
from taskdock.base.errors import EngineError
from taskdock.base.timing.reactor import Reactor
from taskdock.engines.docker.images.probe import PROGRAM
from taskdock.engines.ending import ProgramExit
from taskdock.engines.engine import Container, ContainerSpec, Engine, Mount, Program

MEMORY = 64  # MB
STORAGE = 8  # MB of /tmp
LABEL = "dev.taskdock.doctor"

_CODE = "/var/task"
_FILE = "hello"
_GREETING = "the code is here"
_EATEN = 24  # MB that a program uses and gives back
_TICK = 0.02  # seconds
_TICKS = 3  # lines that show that the program runs
_SETTLE = 0.1  # seconds in which lines from before the freeze may arrive
_QUIET = 0.3  # seconds without a line that show that the program does not run
_LIMIT = 20.0  # seconds to wait for any output


@dataclass(frozen=True)
class Ran:
    lines: tuple[str, ...]
    exit: ProgramExit
    peak: int  # bytes; the container's peak of memory; 0: not known


@dataclass(frozen=True)
class Frozen:
    held: bool
    """Whether the program stood still while the container was frozen."""
    thawed: bool
    """Whether the program ran again after the thaw."""


class Trial:
    """`with Trial(...) as trial:` makes a container, and removes it at the end of the block.

    The methods run on the caller's thread; the engine reports on the reactor's thread.
    """

    def __init__(
        self, engine: Engine, reactor: Reactor, image: str, *, run: str, code: Path | None = None
    ) -> None:
        """`run`: the label's value for all containers of one examination. `code`: a folder of this
        machine, mounted as a function's code. Raises `StartFailed`."""
        self._reports: queue.SimpleQueue[bytes | ProgramExit | int | None] = queue.SimpleQueue()
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
        """Seconds that making and starting the container took."""

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

    # The engine's observer, on the reactor's thread

    def output(self, line: bytes) -> None:
        self._reports.put(line)

    def flushed(self, peak: int) -> None:
        self._reports.put(peak)

    def exited(self, exit: ProgramExit) -> None:
        self._reports.put(exit)

    def called(self, letter: str, connection: socket.socket) -> None:
        connection.close()

    def gone(self) -> None:
        self._reports.put(None)

    # The attempts

    def greet(self) -> bool:
        """Whether a program runs and its output arrives."""
        return self._run("echo hello").lines == ("hello",)

    def read_code(self) -> bool:
        """Whether a program can read the file that `write_code` has written."""
        return self._run(f"{PROGRAM} cat {_CODE}/{_FILE}").lines == (_GREETING,)

    def eat_and_give_back(self) -> Ran:
        return self._run(_eat(_EATEN))

    def eat_too_much(self) -> Ran:
        """Runs a program that uses three times the container's memory limit."""
        return self._run(f"exec {_eat(3 * MEMORY)}")

    def fill_scratch(self) -> Ran:
        """Runs a program that writes twice the size of /tmp."""
        return self._run(f"exec {PROGRAM} dd if=/dev/zero of=/tmp/full bs=1M count={2 * STORAGE}")

    def freeze(self) -> Frozen:
        """Freezes and thaws a program that prints. Raises `EngineError`."""
        self._start(f"while :; do echo tick; {PROGRAM} sleep {_TICK}; done")
        for _ in range(_TICKS):
            self._next(_LIMIT)
        self._on_reactor(lambda container: container.freeze())
        time.sleep(_SETTLE)
        self._pass_over()
        time.sleep(_QUIET)
        held = self._reports.empty()
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

    # Steps of an attempt

    def _run(self, script: str) -> Ran:
        self._start(script)
        lines = []
        while True:
            report = self._next(_LIMIT)
            if isinstance(report, ProgramExit):
                break
            if isinstance(report, bytes):
                lines.append(report.decode(errors="replace"))
        self._on_reactor(lambda container: container.flush())
        peak = self._next(_LIMIT)
        return Ran(tuple(lines), report, peak if isinstance(peak, int) else 0)

    def _start(self, script: str) -> None:
        program = Program(entrypoint=(PROGRAM, "sh", "-c", script), arguments=())
        self._on_reactor(lambda container: container.run(program))

    def _on_reactor(self, verb: Callable[[Container], object]) -> None:
        self._reactor.call(verb, self._container)

    def _next(self, limit: float) -> bytes | ProgramExit | int:
        """The engine's next report: a line, an exit, or a peak of memory in bytes.

        Raises `EngineError` when the container has ended, or nothing comes within `limit` seconds.
        """
        try:
            report = self._reports.get(timeout=limit)
        except queue.Empty:
            raise EngineError(
                f"a container of taskdock's own said nothing for {limit:g} s"
            ) from None
        if report is None:
            raise EngineError("a container of taskdock's own ended by itself")
        return report

    def _pass_over(self) -> None:
        while not self._reports.empty():
            self._reports.get()


EATEN = _EATEN * 1024 * 1024
"""Bytes that the program of `eat_and_give_back` uses at least."""


def write_code(folder: Path) -> Path:
    """Makes the folder that `read_code` reads, in `folder`. All users may read it, as they may read
    a function's code."""
    code = folder / "code"
    code.mkdir()
    (code / _FILE).write_text(f"{_GREETING}\n")
    code.chmod(0o755)
    (code / _FILE).chmod(0o644)
    return code


def _eat(megabytes: int) -> str:
    """A command that uses this much memory: `dd` fills a buffer of that size."""
    return f"{PROGRAM} dd if=/dev/zero of=/dev/null bs={megabytes}M count=1"
