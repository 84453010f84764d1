"""One caller takes neither the server's memory nor its connections nor its event loop."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from oauthlib.oauth1 import Client

from taskdock.base.machine import memory
from taskdock.base.timing.limits import Limits
from taskdock.testing.dock import new_function
from taskdock.testing.fakes.runtime import FakeRuntime
from taskdock.testing.waiting import eventually
from taskdock.web.http.body import WholeBody
from taskdock.web.http.budget import SMALL, Budget
from taskdock.web.http.connection import Connection
from taskdock.web.http.connection_limit import Peer
from taskdock.web.public import router as public_router
from tests.support.aws import echo
from tests.support.builders import Dock, Gate, StartDock
from tests.support.live import COMMAND, REPOSITORY
from tests.support.pipelined import Readable

MB = 1024 * 1024
LIMIT = 30.0
INVOKE = "/2015-03-31/functions/walnut-table/invocations"
FUNCTIONS = "/tasks/v1/functions/"


class Caller:
    """A raw connection to the public listener."""

    def __init__(self, dock: Dock) -> None:
        self.socket = socket.create_connection(("127.0.0.1", dock.emulator.port), LIMIT)
        self._answers = self.socket.makefile("rb")  # one for all: it may read ahead

    def begin(self, method: str, path: str, length: int | None = None, *headers: str) -> None:
        """Sends the headers of a request, whose body has `length` bytes, or comes in chunks."""
        framing = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
        lines = [f"{method} {path} HTTP/1.1", "Host: localhost", framing, *headers, "", ""]
        self.socket.sendall("\r\n".join(lines).encode())

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> tuple[int, bytes]:
        """The next answer's status and body."""
        came = http.client.HTTPResponse(Readable(self._answers))  # type: ignore[arg-type]
        came.begin()
        return came.status, came.read()

    def send_all_that_goes(self, size: int) -> int:
        """Sends up to `size` bytes; returns how many the server or its kernel has taken until it
        took no more for a second."""
        sent, piece = 0, bytes(256 * 1024)
        self.socket.settimeout(1.0)
        with contextlib.suppress(TimeoutError, ConnectionError):
            while sent < size:
                sent += self.socket.send(piece[: size - sent])
        self.socket.settimeout(LIMIT)
        return sent

    def close(self) -> None:
        self._answers.close()
        self.socket.close()


@contextlib.contextmanager
def callers(dock: Dock, count: int = 1) -> Iterator[list[Caller]]:
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(contextlib.closing(Caller(dock))) for _ in range(count)]


def held(dock: Dock) -> int:
    """Bytes of bodies that have come, in all connections to the public listener."""
    return sum(
        each._intake._reader.body.came + len(each._intake._unread) for each in connections(dock)
    )


def connections(dock: Dock) -> list[Any]:
    return list(dock.emulator.web.public.connections)


# Judged by the headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/nothing/here", 404),
        ("DELETE", "/tasks/v1/functions/", 405),
        ("POST", "/data/v1/rooms", 404),
        ("POST", "/2015-03-31/functions/no-such/invocations", 404),
        ("POST", "/2015-03-31/nothing/here", 501),
        ("POST", "/2018-10-31/layers/oak/versions", 501),
    ],
)
@pytest.mark.parametrize("length", [50 * MB, None], ids=["said", "chunked"])
def test_what_there_is_not_is_refused_before_its_body_is_read(
    shared: Dock, method: str, path: str, status: int, length: int | None
) -> None:
    with callers(shared) as (caller,):
        caller.begin(method, path, length)
        if length is None:
            caller.send(b"%x\r\n" % MB + bytes(2 * SMALL))

        assert caller.answer()[0] == status


@pytest.mark.parametrize("path", [FUNCTIONS, "/tasks/v1/", "/users/v1/add_roles"])
@pytest.mark.parametrize(
    "header", ["X-A: b", "Authorization: Bearer wrong", 'Authorization: OAuth oauth_token="x"']
)
def test_who_may_not_is_refused_before_the_body_is_read(
    strict: Dock, path: str, header: str
) -> None:
    with callers(strict) as (caller,):
        caller.begin("POST", path, 50 * MB, header)

        assert caller.answer()[0] == 401


def test_a_website_may_not_have_a_body_read(shared: Dock) -> None:
    with callers(shared) as (caller,):
        caller.begin("POST", FUNCTIONS, 50 * MB, "Origin: http://evil.example")

        assert caller.answer()[0] == 401


@pytest.mark.parametrize(("path", "status"), [("/nothing", 404), (FUNCTIONS, 100)])
def test_who_asks_whether_to_go_on_is_judged_first(shared: Dock, path: str, status: int) -> None:
    with callers(shared) as (caller,):
        caller.begin("POST", path, 2, "Expect: 100-continue")

        assert caller.socket.recv(12) == b"HTTP/1.1 %d" % status


def test_an_event_that_is_too_large_is_refused_before_it_is_sent(shared: Dock) -> None:
    shared.deploy(echo)
    with callers(shared) as (caller,):
        caller.begin("POST", INVOKE, 50 * MB)

        status, body = caller.answer()

    assert (status, b"Request must be smaller" in body) == (413, True)


def test_a_refusal_reaches_a_client_that_sends_all_of_its_body_first(shared: Dock) -> None:
    with callers(shared) as (caller,):
        caller.begin("POST", "/nothing/here", 40 * MB)
        for _ in range(40):
            caller.send(bytes(MB))

        assert caller.answer()[0] == 404


def test_a_signature_counts_once_though_the_request_is_judged_twice(strict: Dock) -> None:
    """A large one is signed in by its headers, and called with its body."""
    body = json.dumps(new_function("large", description="x" * 3 * SMALL))
    signed = _signed(strict, "POST", FUNCTIONS)

    with callers(strict) as (caller,):
        caller.begin("POST", FUNCTIONS, len(body), f"Authorization: {signed}")
        caller.send(body.encode())
        status, answer = caller.answer()

    assert status == 200, answer
    with callers(strict) as (again,):
        again.begin("POST", FUNCTIONS, len(body), f"Authorization: {signed}")
        assert again.answer()[0] == 401


# Memory


def test_a_stranger_has_room_for_an_event_and_no_more(strict: Dock) -> None:
    with callers(strict) as (caller,):
        caller.begin("POST", "/tasks/v1/api/walnut-table/", 50 * MB)
        status, body = caller.answer()

    assert status == 413
    assert b"8388608" in body


def test_a_stranger_has_no_more_room_where_it_does_not_say_how_much_it_sends(strict: Dock) -> None:
    with callers(strict) as (caller,):
        caller.begin("POST", "/tasks/v1/api/walnut-table/")
        with contextlib.suppress(ConnectionError):
            for _ in range(9):
                caller.send(b"%x\r\n" % MB + bytes(MB) + b"\r\n")
        status, body = caller.answer()

    assert status == 413
    assert b"8388608" in body


def test_unfinished_bodies_have_a_bound_and_the_rest_waits_with_its_sender(dock: Dock) -> None:
    bound = public_router._FROM_ADDRESSES
    with callers(dock, 8) as all_of_them:
        for caller in all_of_them:
            caller.begin("POST", FUNCTIONS, 70 * MB)
        threads = [
            threading.Thread(target=caller.send_all_that_goes, args=(69 * MB,))
            for caller in all_of_them
        ]
        for each in threads:
            each.start()
        for each in threads:
            each.join()

        budget = dock.emulator.web.router.addresses
        eventually(lambda: len(budget._waiting) == 5)
        assert budget.used == 3 * 70 * MB
        assert held(dock) <= bound
        assert dock.call("GET", "/health", base="").status_code == 200
    eventually(lambda: held(dock) == 0)


def test_who_waited_for_room_is_served_when_there_is_some(dock: Dock) -> None:
    budget = dock.emulator.web.router.addresses
    body = json.dumps(new_function(description="x" * 4 * SMALL)).encode()
    taken: Any = dock.emulator.foundation.reactor.run(_take(budget))
    with callers(dock) as (caller,):
        caller.begin("POST", FUNCTIONS, len(body))
        caller.send(body)
        eventually(lambda: len(budget._waiting) == 1)

        dock.emulator.foundation.reactor.call(taken.release)

        assert caller.answer()[0] == 200
    eventually(lambda: budget.used == 0)


async def _take(budget: Budget) -> Any:
    return budget.take(Peer("127.0.0.1"), budget.largest)


def test_a_client_that_is_gone_gives_its_room_back(dock: Dock) -> None:
    budget = dock.emulator.web.router.addresses
    with callers(dock, 3) as some:
        for caller in some:
            caller.begin("POST", FUNCTIONS, 70 * MB)
            caller.send(bytes(MB))
        eventually(lambda: budget.used == 3 * 70 * MB)

    eventually(lambda: budget.used == 0)


def test_a_body_of_very_many_pieces_takes_no_more_memory_than_one(dock: Dock) -> None:
    with callers(dock) as (caller,):
        caller.begin("POST", FUNCTIONS)
        for _ in range(32):
            caller.send(b"2\r\nab\r\n" * 1024)
        eventually(lambda: held(dock) == 32 * 2 * 1024)
        (connection,) = connections(dock)

        assert isinstance(connection._intake._reader.body._pieces, bytearray)


def test_headers_without_end_are_refused(shared: Dock) -> None:
    """Each takes some thirty times the memory of its bytes."""
    with callers(shared) as (caller,):
        caller.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"a:\r\n" * 3000)

        assert caller.answer()[0] == 431


def test_long_headers_wait_for_room(dock: Dock) -> None:
    heads = dock.emulator.web.public.heads
    taken: Any = dock.emulator.foundation.reactor.run(_take(heads))
    with callers(dock) as (caller,):
        caller.send(b"GET /health HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 2 * SMALL)
        eventually(lambda: len(heads._waiting) == 1)

        dock.emulator.foundation.reactor.call(taken.release)
        caller.send(b"\r\n\r\n")

        assert caller.answer()[0] == 200
    eventually(lambda: heads.used == 0)


def test_what_is_sent_ahead_of_answers_waits_with_its_sender(dock: Dock) -> None:
    gate = Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    body = b'"' + bytes(60 * 1024).replace(b"\0", b"x") + b'"'
    with callers(dock) as (caller,):
        caller.begin("POST", INVOKE, 2)
        caller.send(b"{}")
        eventually(lambda: gate.waiting == 1)
        for _ in range(10):
            caller.begin("POST", INVOKE, len(body))
            caller.send(body)
        (held_up,) = [each for each in connections(dock) if not each.is_idle]
        eventually(lambda: not held_up._transport.is_reading())

        assert held_up._queued <= 3 * SMALL
        gate.open()
        assert [caller.answer()[0] for _ in range(11)] == [200] * 11


# Time


def test_a_request_that_does_not_come_whole_is_given_up(
    start_dock: StartDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = start_dock(limits=Limits(http_patience=0.2))
    with callers(dock, 3) as (head, small, large):
        head.send(b"GET /health HTTP/1.1\r\nX-A")
        small.begin("POST", "/tasks/v1/", 100)
        large.begin("POST", FUNCTIONS, 10 * MB)

        answers = [each.answer() for each in (head, small, large)]

    assert [status for status, _ in answers] == [408] * 3
    assert all(b"not complete within" in body for _, body in answers)


def test_who_gets_no_room_in_time_is_told_to_try_again(start_dock: StartDock) -> None:
    dock = start_dock(limits=Limits(http_patience=0.2))
    budget = dock.emulator.web.router.addresses
    dock.emulator.foundation.reactor.run(_take(budget))
    with callers(dock) as (caller,):
        caller.begin("POST", FUNCTIONS, 10 * MB)
        status, body = caller.answer()

    assert (status, b"no room" in body) == (503, True)


def test_who_does_not_read_its_answer_is_given_up(start_dock: StartDock) -> None:
    dock = start_dock(limits=Limits(http_patience=0.2))
    dock.deploy(lambda event, runtime: "x" * 5 * MB)
    with callers(dock) as (caller,):
        caller.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        caller.begin("POST", INVOKE, 2)
        caller.send(b"{}")
        full = eventually(
            lambda: next((each for each in connections(dock) if each._outgoing.is_full), None)
        )

        eventually(lambda: full not in connections(dock))


def test_who_was_refused_and_stays_is_let_go(start_dock: StartDock) -> None:
    dock = start_dock(limits=Limits(http_linger=0.05))
    with callers(dock) as (caller,):
        caller.begin("POST", "/nothing/here", 50 * MB)
        assert caller.answer()[0] == 404

        eventually(lambda: not connections(dock))


def test_who_was_refused_and_sends_on_is_let_go(start_dock: StartDock) -> None:
    dock = start_dock(limits=Limits(http_linger=3600.0, http_linger_bytes=MB))
    with callers(dock) as (caller,):
        caller.begin("POST", "/nothing/here", 50 * MB)
        assert caller.answer()[0] == 404

        caller.send_all_that_goes(4 * MB)
        eventually(lambda: not connections(dock))


# The event loop


def test_no_connection_holds_the_loop_with_one_byte_chunks(dock: Dock) -> None:
    """Between two turns of the loop there are as many of its events as a moment has time for."""
    dock.deploy(echo)
    seen: list[int] = []
    loop = dock.emulator.foundation.reactor.loop
    with callers(dock, 4) as flood, _watched(dock, seen, WholeBody, "add"):
        for each in flood:
            each.begin("POST", FUNCTIONS)
        stop = threading.Event()
        threads = [threading.Thread(target=_pour, args=(each, stop)) for each in flood]
        for thread in threads:
            thread.start()
        eventually(lambda: len(seen) > 200)
        answered = [dock.execute(data={"n": n}).status_code for n in range(5)]
        stop.set()
        for each in flood:
            with contextlib.suppress(OSError):
                each.socket.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()

    assert loop.is_running()
    assert answered == [200] * 5
    assert max(seen) < 4_000  # a read of 64 KB has 10,000, and each of these connections has one


def _pour(caller: Caller, stop: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while not stop.is_set():
            caller.send(b"1\r\na\r\n" * 8_000)


@contextlib.contextmanager
def _watched(dock: Dock, seen: list[int], owner: type, method: str) -> Iterator[None]:
    """`seen`: how often the method was called in each turn of the loop, where it was."""
    loop, count, over = dock.emulator.foundation.reactor.loop, [0], threading.Event()
    call = getattr(owner, method)

    def counting(*given: Any) -> Any:
        count[0] += 1
        return call(*given)

    def turn() -> None:
        if count[0]:
            seen.append(count[0])
        count[0] = 0
        if not over.is_set():
            loop.call_soon(turn)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, method, counting)
        loop.call_soon_threadsafe(turn)
        yield
        over.set()


def test_requests_sent_ahead_are_looked_at_a_few_in_a_turn(shared: Dock) -> None:
    """Those that are answered at once, on the loop, too: here, that there is no such function."""
    seen: list[int] = []
    nowhere = INVOKE.replace("walnut-table", "nowhere")
    ask = f"POST {nowhere} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".encode()
    with _watched(shared, seen, Connection, "_admit"), callers(shared, 2) as (flood, neighbour):
        flood.send(ask * 600)  # 60 KB: one read
        flood.socket.shutdown(socket.SHUT_WR)
        neighbour.send(HEALTH)

        assert neighbour.answer()[0] == 200
        assert set(statuses(flood)) == {404}

    assert max(seen) < 200  # else all 601


def test_requests_sent_ahead_of_answers_are_few(shared: Dock) -> None:
    with callers(shared) as (flood,):
        flood.send(HEALTH * 1_000)
        answers = statuses(flood)

    assert len(answers) < 50
    assert set(answers[:-1]) == {200}
    assert answers[-1] == 400  # "there are too many requests at once"


def statuses(caller: Caller) -> list[int]:
    """Of all answers until the server closes the connection."""
    came = b"".join(iter(lambda: caller.socket.recv(65_536), b""))
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", came)]


# Framing, and headers


HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
SMUGGLED = b"POST /tasks/v1/ HTTP/1.1\r\nHost: localhost\r\n"


@pytest.mark.parametrize(
    "rest",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"Content-Length: 2\r\nContent-Length: 40\r\n\r\n{}",
        b"Content-Length: 2\r\n X: folded\r\n\r\n{}",
        b"Content-Length: 0x2\r\n\r\n{}",
        b"Content-Length: -2\r\n\r\n{}",
        b"Content-Length: 2\n\n{}",
        b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n2;a=\x00\r\n{}\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n",
        b"X-A: b\rContent-Length: 2\r\n\r\n{}",
        b"Content-Length : 2\r\n\r\n{}",
    ],
)
def test_a_request_that_could_be_read_in_two_ways_is_the_last(shared: Dock, rest: bytes) -> None:
    with callers(shared) as (caller,):
        caller.send(SMUGGLED + rest + HEALTH)
        came = b""
        with contextlib.suppress(ConnectionError):
            while data := caller.socket.recv(65536):
                came += data

    assert came.count(b"HTTP/1.1 ") == 1
    assert came.startswith(b"HTTP/1.1 400 ")


def test_extensions_of_chunks_change_nothing(shared: Dock) -> None:
    shared.deploy(echo, "echoes")
    with callers(shared) as (caller,):
        caller.begin("POST", INVOKE.replace("walnut-table", "echoes"))
        caller.send(b'3;a=b;c="d"\r\n"a"\r\n0;x\r\n\r\n' + HEALTH)

        assert caller.answer() == (200, b'"a"')
        assert caller.answer()[0] == 200


@pytest.mark.parametrize(
    "value", ["a\r\nX-Injected: yes", "a\nX-Injected: yes", "a\rX-Injected: y"]
)
def test_a_function_puts_no_header_of_its_own_into_an_answer_by_a_line_end(
    shared: Dock, value: str
) -> None:
    name = f"injects-{len(value)}-{ord(value[1])}"

    def answer(event: Any, runtime: FakeRuntime) -> Any:
        return {"statusCode": 200, "headers": {"X-A": value, f"X-B{value}": "c"}, "body": ""}

    shared.deploy(answer, name)
    with callers(shared) as (caller,):
        caller.send(f"GET /tasks/v1/api/{name}/ HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        came = http.client.HTTPResponse(caller.socket)
        came.begin()
        came.read()

    assert came.headers["X-Injected"] is None


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory, stop_later: Any) -> Iterator[Dock]:
    dock = Dock(tmp_path_factory.mktemp("strict"), auth="strict")
    yield dock
    stop_later(dock)


def _signed(dock: Dock, method: str, path: str) -> str:
    """An Authorization header of the administrator's."""
    local = dock.emulator.directory.local.credentials
    client = Client(
        local["API_OAUTH_CONSUMER_KEY"],
        client_secret=local["API_OAUTH_CONSUMER_SECRET"],
        resource_owner_key=local["API_OAUTH_TOKEN"],
        resource_owner_secret=local["API_OAUTH_TOKEN_SECRET"],
    )
    _, headers, _ = client.sign(f"http://localhost{path}", method)
    return str(headers["Authorization"])


# A real process


def test_memory_goes_back_after_a_flood_of_bodies(tmp_path: Path) -> None:
    with live_server(tmp_path) as (process, port):
        before = _resident(process)
        bodies = []
        for _ in range(40):
            body = socket.create_connection(("127.0.0.1", port), LIMIT)
            bodies.append(body)
            lines = ["POST /tasks/v1/functions/ HTTP/1.1", "Host: localhost"]
            lines += [f"Content-Length: {6 * MB}", "", ""]
            body.sendall("\r\n".join(lines).encode())
            with contextlib.suppress(TimeoutError):
                body.settimeout(0.5)
                body.sendall(bytes(6 * MB - 1))
        during = _resident(process)
        for body in bodies:
            body.close()

        assert during > before + 100 * MB
        eventually(lambda: _resident(process) < before + 50 * MB)


def test_memory_is_given_back_once_much_has_come(
    start_dock: StartDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[bool] = []
    monkeypatch.setattr(memory, "give_back", lambda: given.append(True))
    dock = start_dock(limits=Limits(memory_check=0.05, memory_check_bytes=MB))
    with callers(dock, 3) as some:
        for caller in some:
            caller.begin("POST", FUNCTIONS, 7 * MB)
            caller.send(bytes(7 * MB - 1))

    eventually(lambda: given)


def test_what_is_free_between_what_is_in_use_is_given_back() -> None:
    """By itself, the C library gives back only what is free at the end of its heap."""
    script = """
from pathlib import Path
from taskdock.base.machine import memory
from taskdock.base.timing.limits import Limits

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

pieces = [bytes(60_000) if n % 2 else bytes(5_000) for n in range(4_000)]
kept = pieces[::2]
del pieces
before = resident()
memory.give_back()
print(before - resident())
"""
    told = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, check=True, text=True
    )

    assert int(told.stdout) > 60 * MB


def test_what_a_server_starts_with_is_no_matter_of_the_garbage_collector() -> None:
    script = (
        "import gc; from taskdock.base.machine import memory; memory.keep();"
        " print(gc.get_freeze_count())"
    )

    told = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, check=True, text=True
    )

    assert int(told.stdout) > 1_000


def _resident(process: int) -> int:
    """Bytes of memory that it has."""
    status = Path(f"/proc/{process}/status").read_text()
    (line,) = [each for each in status.splitlines() if each.startswith("VmRSS:")]
    return int(line.split()[1]) * 1024


@contextlib.contextmanager
def live_server(data: Path) -> Iterator[tuple[int, int]]:
    """A `taskdock serve`: its process and its port."""
    command = [*COMMAND, "serve", "--port", "0", "--data-dir", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = next(re.finditer(r"Task Service\s+http://\S+:(\d+)", _until(process.stdout)))
            yield process.pid, int(found[1])
        finally:
            process.terminate()
            process.wait(LIMIT)


def _until(lines: IO[str]) -> str:
    """What is printed up to the line with the address."""
    return next(line for line in lines if "Task Service" in line)
