"""The public listener as raw sockets see it: what is a request, whose answer comes when, and what
becomes of clients that are careless, slow or hostile."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from taskdock.testing.fakes.runtime import FakeRuntime
from taskdock.web.http.connection import Connection
from tests.support.builders import Dock, Gate, StartDock
from tests.support.pipelined import Readable

HEALTH = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
INVOKE = b"POST /2015-03-31/functions/walnut-table/invocations HTTP/1.1\r\nHost: localhost\r\n"
PATCH = b"Connection: Upgrade, HTTP2-Settings%s\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n"
LIMIT = 30.0  # seconds that anything here may take


class Client:
    """One connection, and all that has come from the server."""

    def __init__(self, dock: Dock) -> None:
        self.socket = socket.create_connection(("127.0.0.1", dock.emulator.port), LIMIT)
        self._stream = self.socket.makefile("rb")

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def finish(self) -> None:
        """Sends no more, and still reads."""
        self.socket.shutdown(socket.SHUT_WR)

    def read(self, method: str = "GET") -> http.client.HTTPResponse:
        """The next answer, read whole: its body is in `body`."""
        answer: Any = http.client.HTTPResponse(Readable(self._stream), method=method)  # type: ignore[arg-type]
        answer.begin()
        answer.body = answer.read()
        return answer  # type: ignore[no-any-return]

    def statuses(self) -> list[int]:
        """Those of all answers up to the end of the connection."""
        found = []
        while line := self._stream.readline():
            found.append(int(line.split()[1]))
            head = http.client.parse_headers(self._stream)
            self._stream.read(int(head["Content-Length"] or 0))
        return found

    @property
    def is_closed(self) -> bool:
        """By the server; waits until it says something."""
        return self._stream.read(1) == b""

    def close(self) -> None:
        self._stream.close()
        self.socket.close()


@pytest.fixture
def client(shared: Dock) -> Iterator[Client]:
    client = Client(shared)
    yield client
    client.close()


@pytest.fixture(scope="module", autouse=True)
def function(shared: Dock) -> None:
    shared.deploy(lambda event, runtime: event)


def invoke(event: bytes, *headers: bytes) -> bytes:
    length = b"Content-Length: %d" % len(event)
    return INVOKE + b"\r\n".join([*headers, length, b"", b""]) + event


# What is a request


@pytest.mark.parametrize(
    "request_",
    [
        INVOKE + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        INVOKE + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        INVOKE + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        INVOKE + b"Content-Length: 2, 2\r\n\r\n{}",
        INVOKE + b"Content-Length: +2\r\n\r\n{}",
        INVOKE + b"Content-Length : 2\r\n\r\n{}",
        INVOKE + b"Content-Length: 99999999999999999999\r\n\r\n{}",
        INVOKE + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        INVOKE + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        INVOKE + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        INVOKE + b"Transfer-Encoding: chunked\r\n\r\n2\n{}\n0\n\n",
        INVOKE + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n",
        b"GET /health HTTP/1.1\nHost: localhost\n\n",
        b"GET /health HTTP/1.1\r\nX-A: b\r\n c\r\n\r\n",
        b"GET /health HTTP/1.1\r\nX-A: b\0c\r\n\r\n",
        b"GET /health HTTP/1.1\r\nX-A : b\r\n\r\n",
        b"GET /health HTTP/1.1\r\nX A: b\r\n\r\n",
        b"GET localhost:80 HTTP/1.1\r\n\r\n",
        b"GET http://localhost:99999999/health HTTP/1.1\r\n\r\n",
        "GET /tischbeinhöhe HTTP/1.1\r\n\r\n".encode(),
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_what_is_ambiguous_or_no_http_is_refused_and_ends_the_connection(
    client: Client, request_: bytes
) -> None:
    client.send(request_ + HEALTH)

    assert client.statuses() == [400]


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/health", 200),
        (b"http://app.localhost:80/health", 200),
        (b"http://app.localhost", 404),
        (b"/tasks/v1/%zz%ff%00%0a", 404),
        (b"*", 404),
    ],
)
def test_every_form_of_a_target_has_an_answer(client: Client, target: bytes, status: int) -> None:
    client.send(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n" + HEALTH)

    assert (client.read().status, client.read().status) == (status, 200)


def test_trailers_are_no_headers(client: Client) -> None:
    pieces = b"2\r\n{}\r\n0\r\nX-Amz-Invocation-Type: Event\r\n\r\n"
    client.send(INVOKE + b"Transfer-Encoding: chunked\r\n\r\n" + pieces)

    assert client.read().status == 200


@pytest.mark.parametrize("also", [b"", b", close"])
@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
def test_an_offer_to_upgrade_is_ignored_and_the_request_answered(
    client: Client, version: bytes, also: bytes
) -> None:
    request = invoke(b'{"wood": "walnut"}', *(PATCH % also).splitlines())
    client.send(request.replace(b"HTTP/1.1", b"HTTP/" + version))

    answer: Any = client.read()
    assert (answer.status, answer.body) == (200, b'{"wood": "walnut"}')

    if also or version == b"1.0":
        assert client.is_closed
    else:
        client.send(HEALTH)
        assert client.read().status == 200


def test_who_wants_to_be_told_to_go_on_is(client: Client) -> None:
    head, _, body = invoke(b"{}", b"Expect: 100-continue").partition(b"\r\n\r\n")
    client.send(head + b"\r\n\r\n")
    assert client.socket.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.send(body)

    assert client.read().status == 200


def test_http_1_0_knows_of_no_going_on(client: Client) -> None:
    request = invoke(b"{}", b"Expect: 100-continue").replace(b"HTTP/1.1", b"HTTP/1.0")
    client.send(request)

    assert client.statuses() == [200]


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(client: Client) -> None:
    client.send(INVOKE + b"Expect: 100-continue\r\nContent-Length: 99999999\r\n\r\n")

    assert client.statuses() == [413]


def test_headers_have_a_limit(client: Client) -> None:
    with contextlib.suppress(ConnectionError):  # it may be refused before all is sent
        client.send(b"GET /health HTTP/1.1\r\nX-A: " + b"a" * 300_000)
        assert client.statuses() == [431]


# Whose answer comes when


def test_requests_sent_ahead_are_answered_in_order(client: Client) -> None:
    client.send(b"".join(invoke(b"%d" % number) for number in range(16)))

    bodies = [client.read().body for _ in range(16)]  # type: ignore[attr-defined]
    assert bodies == [b"%d" % number for number in range(16)]


def test_what_is_no_request_does_not_take_the_answer_of_the_one_before(client: Client) -> None:
    client.send(invoke(b'"walnut"') + b"\0\0\0\r\n\r\n")

    first: Any = client.read()
    assert (first.status, first.body) == (200, b'"walnut"')
    assert client.statuses() == [405]


def test_too_many_requests_at_once_are_refused_behind_the_answers_to_the_first(
    client: Client,
) -> None:
    client.send(HEALTH * 100)

    *answers, last = client.statuses()
    assert set(answers) == {200}
    assert last == 400


def test_nothing_is_done_for_what_follows_a_close(shared: Dock, client: Client) -> None:
    called = []
    shared.deploy(lambda event, runtime: called.append(event), "oak-chair")
    oak = [invoke(b"%d" % n).replace(b"walnut-table", b"oak-chair") for n in range(2)]
    client.send(oak[0].replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + oak[1])

    assert client.statuses() == [200]
    assert called == [0]


def test_a_client_that_sends_no_more_is_answered(client: Client) -> None:
    client.send(invoke(b"1") + HEALTH)
    client.finish()

    assert client.statuses() == [200, 200]


@pytest.mark.parametrize(
    "rest", [b"Content-Length: 9\r\n\r\n{}", b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}"]
)
def test_a_body_that_breaks_off_is_refused(client: Client, rest: bytes) -> None:
    client.send(INVOKE + rest)
    client.finish()

    assert client.statuses() == [400]


# How answers end


@pytest.mark.parametrize("status", [200, 204, 205, 299, 304, 420, 499])
def test_an_api_functions_status_keeps_the_connection_in_step(
    shared: Dock, client: Client, status: int
) -> None:
    shared.deploy(lambda event, runtime: {"statusCode": status, "body": "walnut"}, f"says-{status}")
    client.send(b"GET /tasks/v1/api/says-%d/ HTTP/1.1\r\nHost: localhost\r\n\r\n" % status + HEALTH)

    answer: Any = client.read()
    assert answer.status == status
    assert answer.body == (b"" if status in (204, 304) else b"walnut")
    assert client.read().status == 200


def test_head_has_the_headers_of_get_alone(client: Client) -> None:
    client.send(HEALTH + HEALTH.replace(b"GET", b"HEAD") + HEALTH)

    whole: Any = client.read()
    head = client.read("HEAD")
    assert head.headers["Content-Length"] == whole.headers["Content-Length"]
    assert client.read().status == 200


def test_http_1_0_ends_with_its_answer(client: Client) -> None:
    client.send(
        b"GET /health HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n" + HEALTH
    )

    assert client.statuses() == [200]


# Careless, slow and hostile clients


def test_an_answer_that_cannot_be_sent_is_an_error_and_no_silence(
    client: Client, shared: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        shared.emulator.web.wsgi,
        "_app",
        lambda environ, start: start("200 OK", [("X", None)]) or [],
    )
    client.send(HEALTH)

    assert json.loads(client.read().body)["code"] == 1  # type: ignore[attr-defined]


def test_a_client_that_does_not_read_is_not_written_for_without_end(start_dock: StartDock) -> None:
    dock = start_dock()
    large = "x" * 2_000_000
    called: list[Any] = []

    def answer(event: Any, runtime: FakeRuntime) -> str:
        called.append(event)
        return large

    dock.deploy(answer)
    client = Client(dock)
    client.send(b"".join(invoke(b"%d" % number) for number in range(16)))
    dock.eventually(lambda: any(each._outgoing.is_full for each in connections(dock)))
    begun = len(called)

    assert begun < 16
    assert [len(client.read().body) for _ in range(16)] == [len(large) + 2] * 16  # type: ignore[attr-defined]
    assert called == list(range(16))
    client.close()


def test_an_invocation_goes_on_without_its_caller(start_dock: StartDock) -> None:
    dock = start_dock(direct_concurrency=1)
    gate = Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    client = Client(dock)
    client.send(invoke(b"{}"))
    dock.eventually(lambda: gate.waiting == 1)
    client.close()
    dock.eventually(lambda: any(each._ended for each in connections(dock)))
    gate.open()

    dock.eventually(lambda: dock.states() == ["ready"])
    assert dock.execute().status_code == 200  # its place is free again


def test_a_connection_whose_client_is_gone_already_is_no_trouble(shared: Dock) -> None:
    emulator = shared.emulator
    connection = Connection(emulator.web.public, emulator.foundation.reactor.loop)
    gone = _Gone()

    emulator.foundation.reactor.run(_made(connection, gone))

    assert gone.aborted
    assert connection not in emulator.web.public.connections


class _Gone(asyncio.Transport):
    """Of a socket that has no peer any more."""

    aborted = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default if name == "peername" else ("127.0.0.1", 80)

    def abort(self) -> None:
        self.aborted = True


async def _made(connection: Connection, transport: asyncio.Transport) -> None:
    connection.connection_made(transport)


def connections(dock: Dock) -> list[Connection]:
    """Those on which something was said, or is waited for."""
    return list(dock.emulator.web.public.connections)
