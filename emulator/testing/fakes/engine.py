"""FakeEngine: an `Engine` without Docker. Its programs are threads that call the Runtime API.

A fake program is what runs in a container: a function that gets a `FakeRuntime`, the handle to
everything that a process can do there. `fakes.runtime.serve` makes one of a Lambda handler.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from taskdock.base import ids
from taskdock.base.errors import EngineUnreachable, StartFailed
from taskdock.base.timing.reactor import Reactor
from taskdock.engines.ending import ProgramExit, StartFault, Step
from taskdock.engines.engine import (
    Capabilities,
    ContainerSpec,
    Dialed,
    EngineDescription,
    Observer,
    Program,
)
from taskdock.engines.images import Found
from taskdock.engines.launcher.lines import LineSplitter
from taskdock.lambdas.functions.function import Function
from taskdock.testing.fakes.runtime import PATIENCE, FakeProgram, FakeRuntime

PEAK = 40 * 1024 * 1024  # bytes that every fake container says it used
_KILLED = ProgramExit()
_STOPPED = ProgramExit(signal=9)
_NOT_FOUND = StartFault(Step.PROGRAM, "/lambda-entrypoint.sh", 2)


def fake_image_of(function: Function) -> Found:
    """The image of a function on a `FakeEngine`: its own, or `fake`, which is always there."""
    return Found(function.image or "fake")


class FakeContainer:
    """A container of a `FakeEngine`: a thread that runs the program."""

    def __init__(
        self, spec: ContainerSpec, listener: Observer, reactor: Reactor, engine: FakeEngine
    ) -> None:
        self.id = ids.word()
        self.spec = spec
        self.name = spec.name
        self.cpus: float | None = None  # the limit that it was given last
        self.runtime: FakeRuntime | None = None
        """The process of the latest run."""
        self._listener = listener
        self._reactor = reactor
        self._engine = engine
        self._killed = self._gone = False
        self._muted = False
        self._turn = 0  # runs of a program
        self._lines = LineSplitter()

    def run(self, program: Program) -> None:
        if self._killed:
            return
        self._turn += 1
        engine = self._engine
        engine.ran.append(program)
        self.runtime = FakeRuntime(self.spec, program, self._turn, self._say, self._call)
        found = engine.programs.get((program.arguments or ("",))[0])
        found = found or engine.programs.get(self.spec.image) or _not_found
        _thread(f"program-{self.id}", self.runtime.run, found)

    def stop(self) -> None:
        _thread(f"stop-{self.id}", self._stop, self.runtime)

    def flush(self) -> None:
        self._say(PEAK)

    def mute(self) -> None:
        self._muted = True

    def freeze(self) -> None:
        self._engine.calls.append(("freeze", self.id))
        if self.runtime is not None:
            self.runtime.freeze(True)

    def thaw(self) -> None:
        self._engine.calls.append(("thaw", self.id))
        if self.runtime is not None:
            self.runtime.freeze(False)

    def dial(self, port: int, dialed: Dialed) -> None:
        """A fake program listens on this machine's own loopback, at a port of `engine.ports`."""
        there = self._engine.ports.get(port)
        try:
            connection = socket.create_connection(("127.0.0.1", there)) if there else None
        except OSError:
            connection = None
        if connection is not None:
            connection.setblocking(False)
        dialed(connection)

    def rename(self, name: str) -> None:
        self.name = name

    def limit_cpu(self, cpus: float | None) -> None:
        self.cpus = cpus

    def kill(self) -> None:
        self._killed = True
        if self.runtime is not None:
            self.runtime.finish(_KILLED)
        self._say(None)

    def remove(self) -> None:
        self.kill()
        self._engine.containers.pop(self.id, None)

    def _stop(self, runtime: FakeRuntime | None) -> None:
        self._engine.stopping.wait(PATIENCE)
        if runtime is not None:
            runtime.finish(_STOPPED)

    def _call(self, letter: str, connection: socket.socket) -> None:
        if not self._reactor.call(self._listener.called, letter, connection):
            connection.close()

    def _say(self, piece: bytes | ProgramExit | int | None) -> None:
        """Output, an end of the program, the peak for a flush, or None: the container's end."""
        self._reactor.call(self._tell, piece)

    def _tell(self, piece: bytes | ProgramExit | int | None) -> None:
        if self._gone:
            return
        if isinstance(piece, bytes):
            self._print(self._lines.feed(piece))
            return
        self._print(self._lines.end())
        self._muted = False
        if piece is None:
            self._gone = True
            self._listener.gone()
        elif isinstance(piece, int):
            self._listener.flushed(piece)
        else:
            self._listener.exited(replace(piece, peak=PEAK))

    def _print(self, lines: list[bytes]) -> None:
        if not self._muted:
            for line in lines:
                self._listener.output(line)


def _not_found(runtime: FakeRuntime) -> None:
    runtime.fail_to_start(_NOT_FOUND)


def _thread(name: str, run: Callable[[Any], object], argument: object) -> None:
    threading.Thread(target=run, args=(argument,), name=f"fake-{name}", daemon=True).start()


class FakeEngine:
    """`programs` says what runs, by the program's first argument, else by the image."""

    capabilities = Capabilities()
    description = EngineDescription(kind="a fake without containers")
    memory = 16 * 1024

    def __init__(self) -> None:
        self.programs: dict[str, FakeProgram] = {}
        self.containers: dict[str, FakeContainer] = {}
        """The containers that were not removed."""
        self.started: list[ContainerSpec] = []
        """Every container that there ever was."""
        self.ran: list[Program] = []
        """Every run of a program."""
        self.calls: list[tuple[str, str]] = []
        """Every freeze and thaw, with the container's id."""
        self.ports: dict[int, int] = {}
        """Ports of this machine's loopback, by the port inside containers that leads to each."""
        self.refusal: str | None = None
        """The reason why no container starts; None: they start."""
        self.silence: str | None = None
        """The reason why the engine does not answer, and starts nothing; None: it answers."""
        self.silence_of_answers: str | None = None
        """The reason why the engine says that it does not answer, though it starts containers."""
        self.failures = 0
        """The number of next containers that do not start."""
        self.images = {"fake"}
        """The images in which everything can run."""
        self.stopping = threading.Event()
        """Stops take effect only while this is set."""
        self.stopping.set()
        self.starting = threading.Event()
        """Containers start only while this is set. One that waits for it too long fails: the thread
        that starts it is waited for when Python ends."""
        self.starting.set()

    def create(self, spec: ContainerSpec, listener: Observer, reactor: Reactor) -> FakeContainer:
        if self.silence is not None:
            raise EngineUnreachable(self.silence)
        if self.refusal is not None or spec.image not in (*self.images, *self.programs):
            raise StartFailed(self.refusal or f"no such image: {spec.image}")
        for mount in spec.mounts:
            if not mount.source.exists():
                raise StartFailed(f"no such file or folder: {mount.source}")
        if not self.starting.wait(PATIENCE):
            raise StartFailed("nobody let it start")
        if self.failures:
            self.failures -= 1
            raise StartFailed("not this one")
        container = FakeContainer(spec, listener, reactor, self)
        self.containers[container.id] = container
        self.started.append(spec)
        return container

    def answers(self) -> str | None:
        return self.silence or self.silence_of_answers

    def let_go(self) -> None:
        """Holds nothing up any more, however the test has ended."""
        self.silence = self.silence_of_answers = None
        self.starting.set()
        self.stopping.set()

    def sweep(self, label: str) -> int:
        name, _, value = label.partition("=")
        found = [c for c in list(self.containers.values()) if c.spec.labels.get(name) == value]
        for container in found:
            container.remove()
        return len(found)

    def close(self) -> None:
        """Containers that run go on: they belong to the machine."""
