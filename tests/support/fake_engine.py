"""FakeEngine: an Engine whose programs are threads that speak real HTTP to the Runtime API.

What runs in a container is a fake program: a function that gets a `Runtime`, the handle to
everything that a process can do there. `serve` makes one of a Lambda handler. Every verb of a
`Runtime` stands still while the container is frozen and unwinds the program once it was killed.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import traceback
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NoReturn

from emulator.base import ids
from emulator.base.errors import EngineUnreachable, StartFailed
from emulator.base.timing.reactor import Reactor
from emulator.engines.ending import ProgramExit, StartFault, Step
from emulator.engines.engine import Capabilities, ContainerSpec, Observer, Program
from emulator.engines.launcher.lines import Lines

PEAK = 40 * 1024 * 1024  # bytes that every fake container says it used
_KILLED = ProgramExit()
_STOPPED = ProgramExit(signal=9)
_OUT_OF_MEMORY = ProgramExit(signal=9, out_of_memory=True)
_NOT_FOUND = StartFault(Step.PROGRAM, "/lambda-entrypoint.sh", 2)
_API = "/2018-06-01/runtime"
_PATIENCE = 60.0  # seconds until what waits for its test gives up


class Ended(BaseException):
    """Unwinds a program whose container has ended."""


class Runtime:
    """A process in a container, and its connection to the Runtime API."""

    def __init__(
        self,
        spec: ContainerSpec,
        program: Program,
        turn: int,
        say: Callable[[bytes | ProgramExit], None],
        call: Callable[[str, socket.socket], None],
    ) -> None:
        """The container's run number `turn`; `say` takes its output, and its end behind it; `call`
        a connection to a port of its loopback, by the forward's letter."""
        self.spec = spec
        self.program = program
        self.turn = turn
        self.request_id = ""
        self.end: ProgramExit | None = None
        self.statuses: list[int] = []
        """What the Runtime API said to each post."""
        self._say = say
        self._call_forward = call
        self._frozen = False
        self._changed = threading.Condition()
        self._connection: http.client.HTTPConnection | None = None

    # For programs

    def print(self, text: str, end: str = "\n") -> None:
        self.go_on()
        self._say((text + end).encode())

    def exit(self, code: int) -> NoReturn:
        self.go_on()
        self.finish(ProgramExit(code=code))
        raise Ended

    def die(self, signal: int) -> NoReturn:
        """By this signal, of Linux's number."""
        self.go_on()
        self.finish(ProgramExit(signal=signal))
        raise Ended

    def fail_to_start(self, fault: StartFault) -> NoReturn:
        """As if there had been no process at all."""
        self.go_on()
        self.finish(ProgramExit(fault=fault))
        raise Ended

    def exhaust_memory(self) -> NoReturn:
        self.go_on()
        self.finish(_OUT_OF_MEMORY)
        raise Ended

    def hang(self) -> NoReturn:
        with self._changed:
            self._changed.wait_for(lambda: self.end is not None)
        raise Ended

    def wait_for(self, event: threading.Event) -> None:
        """Until the test sets `event`."""
        for _ in range(int(_PATIENCE / 0.002)):
            self.go_on()
            if event.wait(0.002):
                return
        raise TimeoutError("nobody set the event that this program waits for")

    def go_on(self) -> None:
        """Stands still while frozen; raises `Ended` when the container has ended."""
        with self._changed:
            self._changed.wait_for(lambda: not self._frozen or self.end is not None)
            if self.end is not None:
                raise Ended

    # For handlers: the Runtime API

    def next(self) -> Any:
        """The next event; asked again before an answer, the same one."""
        headers, body = self._call("GET", "/invocation/next")
        self.request_id = headers["Lambda-Runtime-Aws-Request-Id"]
        return json.loads(body)

    def answer(self, result: Any, request_id: str = "") -> int:
        """Posts a response, to this invocation unless told otherwise; the API's status."""
        return self.post(f"/invocation/{request_id or self.request_id}/response", result)

    def fail(self, name: str, message: str, request_id: str = "") -> int:
        said = {"errorType": name, "errorMessage": message}
        return self.post(f"/invocation/{request_id or self.request_id}/error", said)

    def fail_init(self, name: str, message: str) -> int:
        return self.post("/init/error", {"errorType": name, "errorMessage": message})

    def post(self, path: str, value: Any) -> int:
        self._call("POST", path, value if isinstance(value, bytes) else json.dumps(value).encode())
        return self.statuses[-1]

    def connect(self, address: str) -> socket.socket:
        """To a port of the container's loopback: `HOST:PORT`."""
        near, far = socket.socketpair()
        far.setblocking(False)
        self._call_forward(self.spec.forwards[int(address.rpartition(":")[2])], far)
        return near

    def _call(self, method: str, path: str, body: bytes | None = None) -> tuple[Any, bytes]:
        try:
            if self._connection is None:
                self._connection = _Connection(self)
                self._connection.connect()
            self.go_on()
            self._connection.request(method, _API + path, body)
            response = self._connection.getresponse()
            answer = response.read()
        except (OSError, http.client.HTTPException):
            self.go_on()
            raise
        self.go_on()
        if method == "POST":
            self.statuses.append(response.status)
        elif response.status != 200:
            raise ConnectionError(f"next was answered with {response.status}")
        return response.headers, answer

    # For the container

    def freeze(self, frozen: bool) -> None:
        with self._changed:
            self._frozen = frozen
            self._changed.notify_all()

    def finish(self, end: ProgramExit) -> None:
        """The first end counts; nothing that is printed afterwards is heard."""
        with self._changed:
            if self.end is None:
                self.end = end
                self._say(end)
            self._changed.notify_all()
        with contextlib.suppress(OSError, AttributeError):  # not connected, or not any more
            self._connection.sock.shutdown(2)  # type: ignore[union-attr]  # wakes who waits there

    def run(self, program: FakeProgram) -> None:
        with contextlib.suppress(Ended):
            try:
                program(self)
                self.exit(0)
            except Exception:
                self.print(traceback.format_exc(), end="")
                self.exit(1)
        if self._connection is not None:
            self._connection.close()


class _Connection(http.client.HTTPConnection):
    """To the Runtime API, as a program in its container has it."""

    def __init__(self, runtime: Runtime) -> None:
        address = runtime.program.environment["AWS_LAMBDA_RUNTIME_API"]
        super().__init__(address)
        self._dial = lambda: runtime.connect(address)

    def connect(self) -> None:
        self.sock = self._dial()


FakeProgram = Callable[[Runtime], object]
Handler = Callable[[Any, Runtime], Any]


def serve(handler: Handler, init: FakeProgram | None = None) -> FakeProgram:
    """A program that answers each event with what `handler(event, runtime)` returns or raises.

    A handler that has posted something itself is not answered for. `init` runs before the first
    event is asked for.
    """

    def program(runtime: Runtime) -> None:
        if init is not None:
            init(runtime)
        while True:
            event, posted = runtime.next(), len(runtime.statuses)
            try:
                result = handler(event, runtime)
            except Exception as error:
                runtime.fail(type(error).__name__, str(error))
            else:
                if len(runtime.statuses) == posted:
                    runtime.answer(result)

    return program


class FakeContainer:
    def __init__(
        self, spec: ContainerSpec, listener: Observer, reactor: Reactor, engine: FakeEngine
    ) -> None:
        self.id = ids.word()
        self.spec = spec
        self.name = spec.name
        self.cpus: float | None = None  # the limit that it was given last
        self.runtime: Runtime | None = None
        """The process of the latest run."""
        self._listener = listener
        self._reactor = reactor
        self._engine = engine
        self._killed = self._gone = False
        self._muted = False
        self._turn = 0  # runs of a program
        self._lines = Lines()

    def run(self, program: Program) -> None:
        if self._killed:
            return
        self._turn += 1
        engine = self._engine
        engine.ran.append(program)
        self.runtime = Runtime(self.spec, program, self._turn, self._say, self._call)
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

    def _stop(self, runtime: Runtime | None) -> None:
        self._engine.stopping.wait(_PATIENCE)
        if runtime is not None:
            runtime.finish(_STOPPED)

    def _call(self, letter: str, connection: socket.socket) -> None:
        self._reactor.call(self._listener.called, letter, connection)

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


def _not_found(runtime: Runtime) -> None:
    runtime.fail_to_start(_NOT_FOUND)


def _thread(name: str, run: Callable[[Any], object], argument: object) -> None:
    threading.Thread(target=run, args=(argument,), name=f"fake-{name}", daemon=True).start()


class FakeEngine:
    """`programs` says what runs, by the program's first argument, else by the image."""

    capabilities = Capabilities()
    memory = 16 * 1024

    def __init__(self) -> None:
        self.programs: dict[str, FakeProgram] = {}
        self.containers: dict[str, FakeContainer] = {}
        """Those that were not removed."""
        self.started: list[ContainerSpec] = []
        """Every container that there ever was."""
        self.ran: list[Program] = []
        """Every run of a program."""
        self.calls: list[tuple[str, str]] = []
        """Every freeze and thaw, with the container's id."""
        self.refusal: str | None = None
        """Why no container starts."""
        self.silence: str | None = None
        """Why it does not answer, and starts nothing."""
        self.silence_of_answers: str | None = None
        """Why it does not answer when it is asked just that."""
        self.failures = 0
        """How many of the next containers do not start."""
        self.images = {"fake"}
        """Those in which everything can run."""
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
        if not self.starting.wait(_PATIENCE):
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
        """Nothing is held up any more, however its test has ended."""
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
        """What still runs goes on: containers belong to the machine."""
