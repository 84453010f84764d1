"""Whatever bytes come to the two listeners: each answer is HTTP and belongs to its request, none is
an error of the server's, the event loop goes on, and nothing of it stays in memory.

The requests are made up, the same ones each time, and sent to a server in a process of its own.
"""

from __future__ import annotations

import contextlib
import errno
import json
import socket
import struct
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import made_up_http as http
from tests.support.endpoints import OPERATIONS
from tests.support.made_up_http import Answer
from tests.support.watched_server import WatchedServer

pytestmark = [pytest.mark.fuzz, pytest.mark.long, pytest.mark.timeout(240)]

MB = 1024 * 1024
GROWTH = 24 * MB
"""Bytes that a thousand requests may leave: caches fill, and memory is never all in one piece."""
SERVER_ERRORS = {
    501,  # what is not here, such as the Runtime API at the public listener: docs/lambda-api.md
    503,  # /health with a trouble; no room for a body
    507,  # the disk is full
}
LISTENERS = ("public", "runtime")


def made_up(examples: int) -> Any:
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


class Bytes(bytes):
    """Some that are shown by their beginning."""

    def __repr__(self) -> str:
        return f"{bytes(self[:40])!r} and more, {len(self)} in all"


class World:
    """A server, and what it has said so far."""

    def __init__(self, server: WatchedServer) -> None:
        self.server = server
        self.statuses: Counter[int] = Counter()

    def send(self, to: str, pieces: list[bytes], *, hang_up: bool = False) -> bytes:
        """All that is answered until the server closes, or nothing where we `hang_up` before."""
        with contextlib.closing(self.server.connect(to)) as line:
            came = bytearray()
            with contextlib.suppress(ConnectionError), _gone():
                for piece in pieces:
                    self._send(line, piece, came)
                if hang_up:
                    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return b""
                line.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                while data := line.recv(65536):
                    came += data
            return bytes(came)

    @staticmethod
    def _send(line: socket.socket, piece: bytes, came: bytearray) -> None:
        """Who does not read while it sends could wait for a server that waits for it."""
        left = memoryview(piece)
        while left:
            line.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while data := line.recv(65536):
                    came += data
            try:
                left = left[line.send(left) :]
            except BlockingIOError:
                line.settimeout(10)
                left = left[line.send(left[:1]) :]
        line.settimeout(10)

    def check(self, answers: list[Answer]) -> None:
        for answer in answers:
            self.statuses[answer.status] += 1
            assert answer.status < 500 or answer.status in SERVER_ERRORS, answer

    def run(self, requests: Callable[[], object]) -> None:
        """Has them sent, and the loop may not stall. Once more where it did: what requests cause
        comes again with the same ones, and what else this machine did in that time does not."""
        requests()
        if self.server.stalls():
            requests()
            assert self.server.stalls() == []

    def check_next(self, to: str) -> None:
        """Who comes next is served."""
        host, _ = http.KINDS[to]
        path = b"/health" if to == "public" else b"/2018-06-01/ping"
        came = self.send(to, [b"GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (path, host)])
        (answer,) = http.answers(came)
        assert answer.status == 200, answer


@contextlib.contextmanager
def _gone() -> Iterator[None]:
    """The server has closed already: a Unix socket is not connected then."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.ENOTCONN:
            raise


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedServer]:
    server = WatchedServer(tmp_path_factory.mktemp("raw"))
    yield server
    server.close()


@pytest.fixture
def world(server: WatchedServer) -> Iterator[World]:
    """No error is logged meanwhile."""
    server.ready()
    server.stalls()
    world, told = World(server), server.log.read_text()
    yield world
    new = server.log.read_text().removeprefix(told)
    assert "Traceback" not in new, new[-4000:]
    print(world.statuses)


def test_requests_in_any_framing_are_answered_each_with_its_own(world: World) -> None:
    @made_up(200)
    @given(data=st.data(), to=st.sampled_from(LISTENERS), count=st.integers(1, 6))
    def each(data: st.DataObject, to: str, count: int) -> None:
        asked = [data.draw(http.right(to, number)) for number in range(count)]
        pieces = data.draw(http.in_pieces(b"".join(sent for sent, _ in asked)))

        answers = http.answers(world.send(to, pieces))

        world.check(answers)
        assert [answer.status for answer in answers] == [status for _, (status, _) in asked]
        for answer, (_, (_, body)) in zip(answers, asked, strict=True):
            assert body is None or _said(body) == _said(answer.body)

    world.run(each)


def test_behind_what_could_be_read_in_two_ways_nothing_is_answered(world: World) -> None:
    @made_up(300)
    @given(data=st.data(), to=st.sampled_from(LISTENERS), count=st.integers(0, 2))
    def each(data: st.DataObject, to: str, count: int) -> None:
        asked = [data.draw(http.right(to, number)) for number in range(count)]
        behind, _ = data.draw(http.right(to, 99))
        whole = b"".join([*(sent for sent, _ in asked), data.draw(http.wrong(to)), behind])

        answers = http.answers(world.send(to, data.draw(http.in_pieces(whole))))

        world.check(answers)
        *before, last = answers
        assert [answer.status for answer in before] == [status for _, (status, _) in asked]
        assert last.closes
        assert 400 <= last.status < 500, last
        world.check_next(to)

    world.run(each)


def test_whatever_comes_is_answered_in_http_or_not_at_all(world: World) -> None:
    @made_up(1500)
    @given(
        data=st.data(),
        to=st.sampled_from(LISTENERS),
        whole=http.anything(),
        hang_up=st.integers(0, 9).map(lambda chance: chance == 0),
    )
    def each(data: st.DataObject, to: str, whole: bytes, hang_up: bool) -> None:
        came = world.send(to, data.draw(http.in_pieces(whole)), hang_up=hang_up)

        world.check(_without_hang_up(to, http.answers(came, heads=b"HEAD" in whole)))
        world.check_next(to)

    world.run(each)
    assert {200, 400, 401, 403, 404, 405, 421} <= set(world.statuses), world.statuses


def _said(body: bytes) -> object:
    """What a runtime says again is the same JSON, and may be spelled otherwise."""
    return json.loads(body) if body[:1] == b"[" else body


def _without_hang_up(to: str, answers: list[Answer]) -> list[Answer]:
    """A runtime that hangs up while it waits for an event is told that its call has ended, as AWS's
    server does: docs/lambda-runtime-api.md."""
    return [each for each in answers if to == "public" or b"InternalServerError" not in each.body]


# Odd JSON

_WORDS = http.words(
    """name code entryPoint runtime image timeLimit memoryLimit environmentVariables retryPolicy
    executionOptions data functionName tags priority startTimestamp interval eventTypes email
    password permissions Payload Code ZipFile Handler Timeout MemorySize Role Environment"""
)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([2**63, -(2**63) - 1, 2**1024, 10**400, 0, -1, 1.5, 1e308, float("nan")]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["\ud800", "\0", "echo", "../..", "a" * 5000, "2199-01-01T00:00:00Z", "\U0001d4b3"]
    ),
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_WORDS, inner, max_size=5),
    max_leaves=12,
)
_TEXT = st.one_of(
    _JSON.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([(b"[", 50_000), (b'{"a":', 20_000), (b"9", 5000), (b"[0,", 900)]).map(
        lambda often: Bytes(often[0] * often[1])
    ),
    st.sampled_from(
        [
            b'{"name":1,"name":2}',
            b"\xef\xbb\xbf{}",
            b'"\\ud800"',
            b"\xff\xfe{\0}\0",
            b"{}{}",
            b"NaN",
            b"-Infinity",
            b"1e999999",
            b'{"__proto__":{}}',
            b"'a'",
            b"\0",
            b"a=b&a=c&name=%ff",
        ]
    ),
)
_AWS = (
    "POST /2015-03-31/functions",
    "PUT /2015-03-31/functions/{name}/code",
    "PUT /2015-03-31/functions/{name}/configuration",
    "GET /2015-03-31/functions/{name}",
    "POST /2015-03-31/functions/{name}/invocations",
    "GET /2017-03-31/tags/{name}",
    "POST /2017-03-31/tags/{name}",
    "POST /2015-03-31/functions/{name}/versions",
    "POST /2015-03-31/functions/{name}/aliases",
)
_VALUES = st.sampled_from(
    ["echo", "echo", "echo", "x", "%00", "%ff", "%ed%a0%80", "..", "%2e%2e%2f", "a" * 300, "%0a"]
)
_QUERIES = http.words(
    """limit(1) limit(-1) limit(99999999999999999999) eq(id,x) eq(name,%00) in(id,()) sort(-x)
    select(name,%ff) ge(creationTimestamp,x) eq(data.a,(b,c)) %ff=%fe a=b&a=c ((((( &&&&
    like(name,%25) Qualifier=%00 MaxItems=x Marker=%ff path=/etc and(or(eq(a,b),),not())"""
) | st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)
_TYPES = st.sampled_from(
    ["application/json", "text/plain", "application/x-www-form-urlencoded", "a/b; charset=\x80", ""]
)


def test_odd_bodies_and_queries_are_refused_by_every_endpoint(world: World) -> None:
    @made_up(1200)
    @given(
        operation=st.sampled_from([*OPERATIONS, *_AWS, *_AWS]),
        value=_VALUES,
        query=st.one_of(st.just(""), _QUERIES),
        kind=_TYPES,
        body=_TEXT,
    )
    def each(operation: str, value: str, query: str, kind: str, body: bytes) -> None:
        method, _, path = operation.partition(" ")
        path = "/".join(value if part[:1] == "{" else part for part in path.split("/"))
        target = path + (f"?{query.replace(' ', '')}" if query else "")
        head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
        head += f"Content-Length: {len(body)}\r\n\r\n"

        came = world.send("public", [head.encode("latin-1"), body])

        answers = http.answers(came, heads=method == "HEAD")
        assert len(answers) == 1
        world.check(answers)

    world.run(each)
    world.check_next("public")


def test_nothing_of_a_thousand_requests_stays_in_memory(world: World) -> None:
    flood = made_up(250)

    @flood
    @given(data=st.data(), to=st.sampled_from(LISTENERS), whole=http.anything())
    def anything(data: st.DataObject, to: str, whole: bytes) -> None:
        world.send(to, data.draw(http.in_pieces(whole)))

    @flood
    @given(data=st.data(), to=st.sampled_from(LISTENERS))
    def wrong(data: st.DataObject, to: str) -> None:
        world.send(to, [data.draw(http.wrong(to))])

    def both() -> None:
        anything()
        wrong()

    world.run(both)
    before = world.server.memory()
    world.run(both)
    world.run(both)

    assert world.server.memory() - before < GROWTH


def test_calls_for_an_event_that_were_sent_ahead_end_when_their_client_hangs_up(
    world: World,
) -> None:
    """Else the second would wait for ever, and take the next event with nobody there."""
    ask = b"GET %s/invocation/next HTTP/1.1\r\nHost: localhost\r\n\r\n" % http.RUNTIME

    answers = http.answers(world.send("runtime", [ask * 2]))

    assert len(answers) == 2
