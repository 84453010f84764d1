"""FakeRuntime: the handle of a program in a fake container; and `serve` for a Lambda handler.

Every verb of a `FakeRuntime` stands still while the container is frozen, and unwinds the program
once the container was killed. The Runtime API is called with real HTTP.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import traceback
from collections.abc import Callable
from typing import Any, NoReturn

from taskdock.engines.ending import ProgramExit, StartFault
from taskdock.engines.engine import ContainerSpec, Program

PATIENCE = 60.0  # seconds until what waits for its test gives up
_OUT_OF_MEMORY = ProgramExit(signal=9, out_of_memory=True)
_API = "/2018-06-01/runtime"


class ContainerEnded(BaseException):
    """Unwinds a program whose container has ended."""


class FakeRuntime:
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
        """The HTTP status that the Runtime API answered to each post."""
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
        raise ContainerEnded

    def die(self, signal: int) -> NoReturn:
        """By this signal, of Linux's number."""
        self.go_on()
        self.finish(ProgramExit(signal=signal))
        raise ContainerEnded

    def fail_to_start(self, fault: StartFault) -> NoReturn:
        """As if there had been no process at all."""
        self.go_on()
        self.finish(ProgramExit(fault=fault))
        raise ContainerEnded

    def exhaust_memory(self) -> NoReturn:
        self.go_on()
        self.finish(_OUT_OF_MEMORY)
        raise ContainerEnded

    def hang(self) -> NoReturn:
        with self._changed:
            self._changed.wait_for(lambda: self.end is not None)
        raise ContainerEnded

    def wait_for(self, event: threading.Event) -> None:
        """Until the test sets `event`."""
        for _ in range(int(PATIENCE / 0.002)):
            self.go_on()
            if event.wait(0.002):
                return
        raise TimeoutError("nobody set the event that this program waits for")

    def go_on(self) -> None:
        """Stands still while frozen; raises `ContainerEnded` when the container has ended."""
        with self._changed:
            self._changed.wait_for(lambda: not self._frozen or self.end is not None)
            if self.end is not None:
                raise ContainerEnded

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
        error = {"errorType": name, "errorMessage": message}
        return self.post(f"/invocation/{request_id or self.request_id}/error", error)

    def fail_init(self, name: str, message: str) -> int:
        return self.post("/init/error", {"errorType": name, "errorMessage": message})

    def post(self, path: str, value: Any) -> int:
        self._call("POST", path, value if isinstance(value, bytes) else json.dumps(value).encode())
        return self.statuses[-1]

    def connect(self, address: str) -> socket.socket:
        """A connection to a port of the container's loopback: `HOST:PORT`."""
        near, far = socket.socketpair()
        far.setblocking(False)
        self._call_forward(self.spec.forwards[int(address.rpartition(":")[2])], far)
        return near

    def _call(self, method: str, path: str, body: bytes | None = None) -> tuple[Any, bytes]:
        try:
            if self._connection is None:
                self._connection = _RuntimeConnection(self)
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
        with contextlib.suppress(ContainerEnded):
            try:
                program(self)
                self.exit(0)
            except Exception:
                self.print(traceback.format_exc(), end="")
                self.exit(1)
        if self._connection is not None:
            self._connection.close()


class _RuntimeConnection(http.client.HTTPConnection):
    """A connection to the Runtime API, as a program in its container has it."""

    def __init__(self, runtime: FakeRuntime) -> None:
        address = runtime.program.environment["AWS_LAMBDA_RUNTIME_API"]
        super().__init__(address)
        self._dial: Callable[[], socket.socket] = lambda: runtime.connect(address)

    def connect(self) -> None:
        self.sock = self._dial()


FakeProgram = Callable[[FakeRuntime], object]
Handler = Callable[[Any, FakeRuntime], Any]


def serve(handler: Handler, init: FakeProgram | None = None) -> FakeProgram:
    """A program that answers each event with what `handler(event, runtime)` returns or raises.

    A handler that has posted something itself is not answered for. `init` runs before the first
    event is asked for.
    """

    def program(runtime: FakeRuntime) -> None:
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
