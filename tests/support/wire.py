"""A runtime that a test plays: raw HTTP on sockets to the Runtime API of a server."""

from __future__ import annotations

import contextlib
import http.client
import json
import queue
import socket
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from typing import Any

from taskdock.base.timing.clock import SystemClock
from taskdock.engines.ending import ProgramExit
from taskdock.lambdas.invoke.invocation import Call
from taskdock.lambdas.invoke.invoker import Invoker
from taskdock.lambdas.outcome import Outcome
from taskdock.testing.fakes.runtime import FakeProgram, FakeRuntime
from tests.support.builders import Dock

API = "/2018-06-01/runtime"
LIMIT = 30.0  # seconds that anything here may take
OK = b'{"status":"OK"}'

_names = (f"raw-{number}" for number in count())


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    """As they are spelled."""
    body: bytes

    @property
    def error(self) -> tuple[int, str, str]:
        said = json.loads(self.body)
        assert list(said) == ["errorMessage", "errorType"], said
        assert self.headers["Content-Type"] == "application/json"
        return self.status, said["errorType"], said["errorMessage"]


class Wire:
    """One connection of a runtime."""

    def __init__(self, connection: socket.socket, host: str) -> None:
        self.host: str | None = host
        self.socket = connection
        self.socket.settimeout(LIMIT)

    def close(self) -> None:
        self.socket.close()

    def send(self, method: str, path: str, body: bytes = b"", **headers: str | None) -> None:
        """Header names have _ for -; None leaves one out."""
        if body or method != "GET":
            headers = {"Content_Length": str(len(body)), **headers}
        self.raw(head(method, path, Host=self.host, **headers) + body)

    def raw(self, data: bytes) -> None:
        self.socket.sendall(data)

    def read(self) -> Reply:
        with contextlib.closing(http.client.HTTPResponse(self.socket)) as response:
            response.begin()
            return Reply(response.status, dict(response.getheaders()), response.read())

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str | None) -> Reply:
        self.send(method, path, body, **headers)
        return self.read()

    def next(self) -> Reply:
        return self.ask("GET", f"{API}/invocation/next")

    def respond(self, request_id: str, body: bytes = b"1", **headers: str | None) -> Reply:
        return self.ask("POST", f"{API}/invocation/{request_id}/response", body, **headers)

    def fail(self, request_id: str, body: bytes = b"{}", **headers: str | None) -> Reply:
        return self.ask("POST", f"{API}/invocation/{request_id}/error", body, **headers)

    def fail_init(self, body: bytes = b"{}", **headers: str | None) -> Reply:
        return self.ask("POST", f"{API}/init/error", body, **headers)

    @property
    def ended(self) -> bool:
        """Whether the server has closed its side; waits until it says something."""
        return self.socket.recv(1) == b""


def head(method: str, path: str, **headers: str | None) -> bytes:
    lines = [f"{name.replace('_', '-')}: {v}" for name, v in headers.items() if v is not None]
    return "\r\n".join([f"{method} {path} HTTP/1.1", *lines, "", ""]).encode("latin-1")


class Invocation:
    """One that waits for its runtime, and that runtime: whatever it does, the test does."""

    def __init__(self, dock: Dock, executor: ThreadPoolExecutor, **fields: Any) -> None:
        self.name = next(_names)
        self.log: list[str] = []
        self.later: FakeProgram | None = None
        """The program of the runtimes that are started after the first."""
        self._dock = dock
        self._executor = executor
        self._runtimes: queue.Queue[FakeRuntime] = queue.Queue()
        self._wires: list[Wire] = []
        self._invoker = Invoker(
            pool=dock.pool, watch=dock.emulator.lambdas.watch, clock=SystemClock()
        )
        dock.deploy_program(self._program, self.name)
        if "time_limit" in fields:
            dock.shorten(self.name, time_limit=fields["time_limit"])

    def invoke(self, event: bytes = b"{}", call: Call | None = None) -> Future[Outcome]:
        function = self._dock.emulator.catalog.get(self.name)
        return self._executor.submit(
            self._invoker.invoke,
            function,
            event,
            lambda line: self.log.append(line.message),
            patience=LIMIT,
            call=call,
        )

    def runtime(self) -> FakeRuntime:
        """The next one that is started."""
        return self._runtimes.get(timeout=LIMIT)

    def connect(self, runtime: FakeRuntime) -> Wire:
        """A connection of `runtime` to the Runtime API."""
        address = runtime.program.environment["AWS_LAMBDA_RUNTIME_API"]
        self._wires.append(Wire(runtime.connect(address), address))
        return self._wires[-1]

    def end(self) -> None:
        self.later = lambda runtime: runtime.exit(0)
        for wire in self._wires:
            wire.close()
        for container in list(self._dock.engine.containers.values()):
            with contextlib.suppress(KeyError, AttributeError):  # it has not run
                if container.runtime.program.environment["AWS_LAMBDA_FUNCTION_NAME"] == self.name:
                    container.runtime.finish(ProgramExit(code=0))

    def _program(self, runtime: FakeRuntime) -> None:
        if self.later is not None:
            self.later(runtime)
        self._runtimes.put(runtime)
        runtime.hang()


@contextlib.contextmanager
def invocations(dock: Dock) -> Iterator[Any]:
    """Makes invocations; those that are still under way at the end lose their runtimes."""
    made: list[Invocation] = []
    with ThreadPoolExecutor(32) as executor:

        def make(**fields: Any) -> Invocation:
            made.append(Invocation(dock, executor, **fields))
            return made[-1]

        try:
            yield make
        finally:
            for each in made:
                each.end()
