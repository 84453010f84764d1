"""Streamed bodies on a real event loop and real sockets: pace, order, and every way to end."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import pytest

from taskdock.base.timing.limits import Limits
from taskdock.web.http.body import BodyCutOff, BodyStream, BodyTooLarge
from taskdock.web.http.budget import SMALL, Budget
from taskdock.web.http.connection import Connection
from taskdock.web.http.connection_limit import Peer
from taskdock.web.http.messages import PendingReply, Reply, Request, Responder
from taskdock.web.http.site import Site

T = TypeVar("T")
LIMIT = 30.0  # seconds that anything here may take
MB = 1024 * 1024
GET = b"GET /%b HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


class Client:
    """The other end of one connection, and what the loop complained about meanwhile."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.complaints: list[dict[str, Any]] = []
        self.came = bytearray()

    async def __aenter__(self) -> Client:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: self.complaints.append(context))
        self.socket, ours = socket.socketpair()
        for end in (self.socket, ours):
            end.setblocking(False)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32 * 1024)
        peer = Peer("", environment="e", function="f")
        _, self.connection = await loop.create_connection(
            lambda: Connection(self.site, loop, peer), sock=ours
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self.socket.close()
        if self.connection in self.site.connections:
            self.connection.abort()
        await eventually(lambda: self.connection not in self.site.connections)

    async def send(self, data: bytes) -> None:
        await limited(asyncio.get_running_loop().sock_sendall(self.socket, data))

    async def read(self) -> bytes:
        """Some bytes; none at the end of the connection."""
        data = await limited(asyncio.get_running_loop().sock_recv(self.socket, 64 * 1024))
        self.came += data
        return data

    async def read_until(self, end: bytes) -> bytes:
        while not self.came.endswith(end) and await self.read():
            pass
        return bytes(self.came)

    async def read_all(self) -> bytes:
        while await self.read():
            pass
        return bytes(self.came)


async def limited(work: Awaitable[T]) -> T:
    return await asyncio.wait_for(work, LIMIT)


async def eventually(condition: Callable[[], object]) -> None:
    async def wait() -> None:
        while not condition():
            await asyncio.sleep(0.001)

    await limited(wait())


def site_of(answer: Responder, **fields: Any) -> Site:
    fields = {"max_body": MB, "max_dropped": 0, "streams": lambda _: True, **fields}
    return Site(
        answer=answer,
        refuse=lambda path, status, why: Reply(status, why.encode()),
        max_head=256 * 1024,
        **fields,
    )


def later(work: Coroutine[Any, Any, Reply]) -> PendingReply:
    return PendingReply.of(asyncio.ensure_future(work))


class Body(AsyncIterator[bytes]):
    """A body of `count` pieces, and what became of it."""

    def __init__(
        self, count: int, piece: bytes = b"x", *, gate: asyncio.Event | None = None
    ) -> None:
        self.count = count
        self.piece = piece
        self.gate = gate
        self.given = 0
        self.closed = 0
        self.cancelled = False

    async def __anext__(self) -> bytes:
        if self.given == self.count:
            raise StopAsyncIteration
        if self.gate is not None and self.given == 1:
            try:
                await self.gate.wait()
            except asyncio.CancelledError:
                self.cancelled = True
                raise
        self.given += 1
        return self.piece

    async def aclose(self) -> None:
        self.closed += 1


class Broken(Body):
    """Raises behind its pieces."""

    def __init__(self, count: int, error: Exception) -> None:
        super().__init__(count)
        self.error = error

    async def __anext__(self) -> bytes:
        try:
            return await super().__anext__()
        except StopAsyncIteration:
            raise self.error from None


def chunks(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(each), each) for each in pieces)


# Replies


def test_a_streamed_reply_comes_in_chunks_and_the_connection_goes_on() -> None:
    body = Body(3, b"wood")

    def answer(request: Request) -> Reply:
        return Reply(200, body if request.path == "/a" else b"next", ())

    async def run() -> tuple[bytes, list[dict[str, Any]]]:
        async with Client(site_of(answer)) as client:
            await client.send(GET % b"a" + GET % b"b")
            return await client.read_until(b"next"), client.complaints

    came, complaints = asyncio.run(run())

    head, _, rest = came.partition(b"\r\n\r\n")
    assert b"Transfer-Encoding: chunked" in head
    assert b"Content-Length" not in head
    assert b"Connection: close" not in head
    assert rest.startswith(chunks(*[b"wood"] * 3) + b"0\r\n\r\nHTTP/1.1 200 OK\r\n")
    assert (body.closed, complaints) == (1, [])


def test_a_piece_is_sent_when_it_is_made_and_no_other_reply_comes_between() -> None:
    async def run() -> tuple[bytes, bytes]:
        gate = asyncio.Event()
        body = Body(2, b"wood", gate=gate)
        site = site_of(lambda request: Reply(200, body if request.path == "/a" else b"next", ()))
        async with Client(site) as client:
            await client.send(GET % b"a" + GET % b"b")
            first = await client.read_until(chunks(b"wood"))
            for _ in range(10):
                await asyncio.sleep(0)
            gate.set()
            return first, await client.read_until(b"next")

    first, whole = asyncio.run(run())

    assert first.count(b"HTTP/1.1") == 1
    assert whole[len(first) :].startswith(chunks(b"wood") + b"0\r\n\r\nHTTP/1.1")


def test_a_body_waits_for_a_client_that_does_not_read() -> None:
    body = Body(1000, bytes(16 * 1024))

    async def run() -> tuple[int, int]:
        async with Client(site_of(lambda _: Reply(200, body))) as client:
            await client.send(GET % b"")
            await eventually(lambda: client.connection._outgoing.is_full)  # type: ignore[attr-defined]
            for _ in range(100):
                await asyncio.sleep(0)
            made = body.given
            await client.read_until(b"\r\n0\r\n\r\n")
            return made, client.came.count(b"\r\n4000\r\n")

    made, sent = asyncio.run(run())

    assert made < 30
    assert sent == 1000


def test_a_large_piece_is_sent_bit_by_bit() -> None:
    body = Body(1, bytes(4 * MB))

    async def run() -> tuple[int, int]:
        async with Client(site_of(lambda _: Reply(200, body))) as client:
            await client.send(GET % b"")
            await eventually(lambda: client.connection._outgoing.is_full)  # type: ignore[attr-defined]
            waiting = client.connection._transport.get_write_buffer_size()  # type: ignore[attr-defined]
            return waiting, len(await client.read_until(b"\r\n0\r\n\r\n"))

    waiting, came = asyncio.run(run())

    assert waiting < 256 * 1024
    assert came > 4 * MB


@pytest.mark.parametrize("waits", ["for its next piece", "for its client"])
def test_a_body_is_cancelled_and_closed_when_its_client_goes(waits: str) -> None:
    async def run() -> Body:
        gate = asyncio.Event()
        body = Body(1000, bytes(16 * 1024), gate=gate)
        if waits == "for its client":
            gate.set()
        async with Client(site_of(lambda _: Reply(200, body))) as client:
            await client.send(GET % b"")
            await client.read()
            client.socket.close()
            await eventually(lambda: body.closed)
            assert client.complaints == []
        return body

    body = asyncio.run(run())

    assert (body.closed, body.given < 1000) == (1, True)
    assert body.cancelled is (waits == "for its next piece")


@pytest.mark.parametrize("behind", [b"", GET % b"b"], ids=["alone", "with a request behind it"])
def test_a_client_that_has_stopped_sending_gets_no_stream(behind: bytes) -> None:
    """It may have gone, which only its next piece would show."""
    body = Body(3)

    async def run() -> bytes:
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        async with Client(site_of(lambda _: PendingReply.of(answered))) as client:
            await client.send(GET % b"a" + behind)
            client.socket.shutdown(socket.SHUT_WR)
            await eventually(lambda: client.connection._ended)  # type: ignore[attr-defined]
            answered.set_result(Reply(200, body))
            return await client.read_all()

    came = asyncio.run(run())

    assert (body.given, body.closed) == (0, 1)
    assert came.count(b"HTTP/1.1") == 1
    assert b"0\r\n\r\n" not in came


def test_a_client_that_does_not_read_is_given_up_and_the_body_closed() -> None:
    body = Body(1000, bytes(16 * 1024))

    async def run() -> None:
        site = site_of(lambda _: Reply(200, body), patience=0.05)
        async with Client(site) as client:
            await client.send(GET % b"")
            await eventually(lambda: body.closed)

    asyncio.run(run())

    assert body.given < 1000


def test_a_body_ends_when_its_server_stops() -> None:
    async def run() -> Body:
        body = Body(2, gate=asyncio.Event())
        async with Client(site_of(lambda _: Reply(200, body))) as client:
            await client.send(GET % b"")
            await client.read_until(chunks(b"x"))
            client.connection.close()  # type: ignore[attr-defined]
            assert not client.connection.is_idle  # type: ignore[attr-defined]
            client.connection.abort()  # type: ignore[attr-defined]
            await eventually(lambda: body.closed)
        return body

    assert asyncio.run(run()).cancelled


@pytest.mark.parametrize(
    ("error", "complaints"), [(BodyCutOff("the runtime ended"), 0), (ValueError("oops"), 1)]
)
def test_a_client_sees_that_a_body_broke_off(error: Exception, complaints: int) -> None:
    body = Broken(2, error)

    async def run() -> tuple[bytes, int]:
        async with Client(site_of(lambda _: Reply(200, body))) as client:
            await client.send(GET % b"a" + GET % b"b")
            return await client.read_all(), len(client.complaints)

    came, complained = asyncio.run(run())

    assert came.endswith(chunks(b"x", b"x"))
    assert b"0\r\n\r\n" not in came
    assert came.count(b"HTTP/1.1") == 1
    assert (complained, body.closed) == (complaints, 1)


def test_http_1_0_gets_a_body_without_chunks_that_ends_with_the_connection() -> None:
    async def run() -> bytes:
        async with Client(site_of(lambda _: Reply(200, Body(3, b"wood")))) as client:
            await client.send(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
            return await client.read_all()

    head, _, body = asyncio.run(run()).partition(b"\r\n\r\n")

    assert b"chunked" not in head
    assert b"Connection: close" in head
    assert body == b"wood" * 3


def test_http_1_0_sees_by_a_reset_that_a_body_broke_off() -> None:
    async def run() -> None:
        loop = asyncio.get_running_loop()
        site = site_of(lambda _: Reply(200, Broken(1, BodyCutOff("the runtime ended"))))
        server = await loop.create_server(lambda: Connection(site, loop), "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.0\r\nHost: x\r\n\r\n")
            with pytest.raises(ConnectionResetError):
                await limited(reader.read())
            writer.close()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("method", "status"), [(b"HEAD", 200), (b"GET", 204), (b"GET", 304)], ids=str
)
def test_a_body_that_is_not_sent_is_closed_unread(method: bytes, status: int) -> None:
    body = Body(3)

    async def run() -> bytes:
        site = site_of(lambda each: Reply(status, body) if each.path == "/a" else Reply(200, b"n"))
        async with Client(site) as client:
            await client.send((GET % b"a").replace(b"GET", method) + GET % b"b")
            return await client.read_until(b"\r\n\r\nn")

    came = asyncio.run(run())

    assert (body.given, body.closed) == (0, 1)
    assert came.count(b"HTTP/1.1") == 2


def test_a_stream_that_says_its_length_is_an_error_of_ours() -> None:
    async def run() -> bytes:
        reply = Reply(200, Body(3), (("Content-Length", "3"),))
        async with Client(site_of(lambda _: reply)) as client:
            await client.send(GET % b"")
            return await client.read_until(b"internal error")

    assert b"HTTP/1.1 500 " in asyncio.run(run())


def test_a_body_whose_headers_cannot_be_sent_is_closed_unread() -> None:
    body = Body(3)

    async def run() -> bytes:
        reply = Reply(200, body, (("Content-Length", "3"),))
        async with Client(site_of(lambda _: reply)) as client:
            await client.send(GET % b"")
            came = await client.read_until(b"internal error")
            await eventually(lambda: body.closed)
            return came

    asyncio.run(run())

    assert (body.given, body.closed) == (0, 1)


class Stubborn(Body):
    """A body that cannot be closed."""

    async def aclose(self) -> None:
        await super().aclose()
        raise RuntimeError("stubborn")


def test_a_body_that_fails_as_it_is_closed_keeps_no_connection_waiting() -> None:
    async def run() -> bytes:
        async with Client(site_of(lambda _: Reply(200, Stubborn(1)))) as client:
            await client.send(GET % b"")
            return await client.read_all()

    assert b"HTTP/1.1 200 " in asyncio.run(run())


def test_a_body_that_never_waits_keeps_nobody_up() -> None:
    async def run() -> int:
        body = Body(1_000_000, b"")
        async with Client(site_of(lambda _: Reply(200, body))) as client:
            await client.send(GET % b"")
            await eventually(lambda: body.given)
            return body.given

    assert asyncio.run(run()) < 1_000_000


def test_a_reply_keeps_the_type_of_what_failed() -> None:
    async def run() -> list[dict[str, Any]]:
        async def fail() -> Reply:
            raise LookupError("no such wood")

        async with Client(site_of(lambda _: later(fail()))) as client:
            await client.send(GET % b"")
            await client.read_until(b"internal error")
            return client.complaints

    (complaint,) = asyncio.run(run())

    assert type(complaint["exception"]) is LookupError


# Requests


class Reader:
    """An endpoint that reads each body as it comes, when it may."""

    def __init__(self) -> None:
        self.may_read = asyncio.Event()
        self.got: list[bytes] = []
        self.requests: list[Request] = []
        self.errors: list[Exception] = []

    def __call__(self, request: Request) -> PendingReply:
        self.requests.append(request)
        assert request.stream is not None
        return later(self._read(request.stream))

    async def _read(self, stream: BodyStream) -> Reply:
        await self.may_read.wait()
        try:
            async for piece in stream:
                self.got.append(piece)
        except Exception as error:
            self.errors.append(error)
            raise
        return Reply(200, b"%d" % sum(map(len, self.got)), ())


async def serve(
    *sent: bytes, until: bytes = b"", eof: bool = False, **fields: Any
) -> tuple[Reader, bytes, list[dict[str, Any]]]:
    """What an endpoint and a client get."""
    reader = Reader()
    reader.may_read.set()
    async with Client(site_of(reader, **fields)) as client:
        for data in sent:
            await client.send(data)
        if eof:
            client.socket.shutdown(socket.SHUT_WR)
        came = await (client.read_until(until) if until else client.read_all())
        return reader, came, client.complaints


def test_a_streamed_body_is_read_while_it_comes() -> None:
    async def run() -> list[list[bytes]]:
        reader = Reader()
        reader.may_read.set()
        seen = []
        async with Client(site_of(reader)) as client:
            await client.send(POST)
            for piece in (b"walnut", b"oak"):
                await client.send(chunks(piece))
                await eventually(lambda piece=piece: reader.got[-1:] == [piece])
                seen.append(list(reader.got))
            await client.send(b"0\r\nX-Wood: elm\r\n\r\n" + GET % b"b")
            await client.read_until(b"\r\n\r\n9")
            assert reader.requests[0].trailer("x-wood") == "elm"
        return seen

    assert asyncio.run(run()) == [[b"walnut"], [b"walnut", b"oak"]]


def test_what_follows_a_streamed_body_is_the_next_request() -> None:
    second = POST.replace(b"POST /", b"POST /second") + chunks(b"oak") + b"0\r\n\r\n"

    reader, came, _ = asyncio.run(
        serve(POST + chunks(b"walnut") + b"0\r\n\r\n" + second, until=b"\r\n\r\n9")
    )

    assert [request.path for request in reader.requests] == ["/", "/second"]
    assert reader.got == [b"walnut", b"oak"]
    assert came.count(b"HTTP/1.1 200 OK") == 2
    assert b"Connection: close" not in came


def test_a_sender_waits_for_a_slow_reader() -> None:
    async def run() -> tuple[int, bytes]:
        reader = Reader()
        site = site_of(reader, max_body=100 * MB)
        async with Client(site) as client:
            sending = asyncio.ensure_future(
                client.send(POST + chunks(*[bytes(16 * 1024)] * 1000) + b"0\r\n\r\n")
            )
            stream = lambda: reader.requests and reader.requests[0].stream  # noqa: E731
            await eventually(lambda: stream() and stream().is_full)
            for _ in range(100):
                await asyncio.sleep(0)
            held = stream().came
            assert not sending.done()
            reader.may_read.set()
            await limited(sending)
            return held, await client.read_until(b"%d" % (1000 * 16 * 1024))

    held, came = asyncio.run(run())

    assert held < 4 * SMALL
    assert came.endswith(b"16384000")


def test_a_streamed_body_has_room_in_the_budget_until_it_is_answered() -> None:
    budget = Budget(10 * MB, of_one=MB)

    async def run() -> tuple[int, int]:
        reader = Reader()
        reader.may_read.set()
        site = site_of(reader, judge=lambda _, decide: decide(budget))
        async with Client(site) as client:
            await client.send(POST + chunks(*[bytes(SMALL)] * 4))
            await eventually(lambda: sum(map(len, reader.got)) == 4 * SMALL)
            during = budget.used
            await client.send(b"0\r\n\r\n")
            await client.read_until(b"%d" % (4 * SMALL))
            return during, budget.used

    assert asyncio.run(run()) == (MB, 0)


def test_a_reader_with_bounds_of_its_own_gives_the_room_back_at_once() -> None:
    budget = Budget(10 * MB, of_one=MB)

    async def run() -> int:
        reader = Reader()
        reader.may_read.set()
        site = site_of(reader, judge=lambda _, decide: decide(budget))
        async with Client(site) as client:
            await client.send(POST + chunks(b"wood"))
            await eventually(lambda: reader.got)
            reader.requests[0].release()
            await client.send(chunks(*[bytes(SMALL)] * 8))
            await eventually(lambda: sum(map(len, reader.got)) > 8 * SMALL)
            used = budget.used
            await client.send(b"0\r\n\r\n" + POST)
            await client.send(chunks(*[bytes(SMALL)] * 2))
            await eventually(lambda: budget.used)  # the next request has its own
            return used

    assert asyncio.run(run()) == 0


@pytest.mark.parametrize("end", ["half", "gone"])
def test_a_streamed_body_that_breaks_off_is_an_exception_of_its_reader(end: str) -> None:
    async def run() -> tuple[Reader, bytes]:
        reader = Reader()
        reader.may_read.set()
        async with Client(site_of(reader)) as client:
            await client.send(POST + chunks(b"walnut"))
            await eventually(lambda: reader.got)
            if end == "gone":
                client.socket.close()
            else:
                client.socket.shutdown(socket.SHUT_WR)
            await eventually(lambda: reader.errors)
            came = b"" if end == "gone" else await client.read_all()
            assert client.complaints == []
            return reader, came

    reader, came = asyncio.run(run())

    assert [type(each) for each in reader.errors] == [BodyCutOff]
    if end == "half":
        assert b"HTTP/1.1 400 " in came
        assert b"shorter than its headers say" in came


@pytest.mark.parametrize("at_once", [True, False], ids=["with its headers", "later"])
def test_a_streamed_body_that_is_no_http_is_refused_once(at_once: bool) -> None:
    async def run() -> tuple[Reader, bytes, list[dict[str, Any]]]:
        reader = Reader()
        reader.may_read.set()
        async with Client(site_of(reader)) as client:
            await client.send(POST + (b"" if at_once else chunks(b"walnut")) + b"zz\r\n" * at_once)
            if not at_once:
                await eventually(lambda: reader.got)
                await client.send(b"zz\r\n")
            return reader, await client.read_all(), client.complaints

    reader, came, complaints = asyncio.run(run())

    assert [type(each) for each in reader.errors] == ([] if at_once else [BodyCutOff])
    assert came.count(b"HTTP/1.1") == 1
    assert b"HTTP/1.1 400 " in came
    assert complaints == []


@pytest.mark.parametrize("dropped", [0, 10 * MB], ids=["is refused", "is dropped"])
def test_a_streamed_body_that_is_too_large(dropped: int) -> None:
    """Where the rest is dropped, the connection goes on behind it."""
    sent = POST + chunks(*[bytes(SMALL)] * 4) + b"0\r\n\r\n"

    reader, came, complaints = asyncio.run(
        serve(sent, until=b"bytes.", max_body=2 * SMALL, max_dropped=dropped)
    )

    (error,) = reader.errors
    assert (error.status, sum(map(len, reader.got)) <= 2 * SMALL) == (413, True)  # type: ignore[attr-defined]
    assert isinstance(error, BodyTooLarge) is bool(dropped)
    assert came.count(b"HTTP/1.1 413 ") == 1
    assert (b"Connection: close" in came) is (not dropped)
    assert complaints == []


def test_a_judge_may_refuse_a_streamed_body_midway() -> None:
    refusal = Reply(403, b"not so much of yours")

    reader, came, _ = asyncio.run(
        serve(
            POST + chunks(*[bytes(SMALL)] * 2),
            judge=lambda _, decide: decide(refusal),
        )
    )

    assert len(reader.requests) == 1
    assert came.count(b"HTTP/1.1") == 1
    assert came.endswith(b"not so much of yours")


def test_a_streamed_body_that_is_too_slow_is_refused() -> None:
    reader, came, _ = asyncio.run(serve(POST + chunks(b"walnut"), patience=0.05))

    assert [type(each) for each in reader.errors] == [BodyCutOff]
    assert b"HTTP/1.1 408 " in came


def test_time_in_which_the_reader_is_slow_is_not_the_senders() -> None:
    async def run() -> bytes:
        reader = Reader()
        site = site_of(reader, patience=0.1)
        async with Client(site) as client:
            await client.send(POST + chunks(bytes(SMALL)))
            await eventually(lambda: reader.requests)
            await asyncio.sleep(0.3)  # thrice as long as a sender may take
            reader.may_read.set()
            await client.send(b"0\r\n\r\n")
            return await client.read_until(b"%d" % SMALL)

    assert b"HTTP/1.1 200 " in asyncio.run(run())


def test_a_reply_ahead_of_the_end_of_a_body_ends_the_connection() -> None:
    """The client gets it although it still sends: what it sends is read and dropped for a while."""

    async def run() -> tuple[bytes, BodyStream]:
        seen: list[Request] = []

        def answer(request: Request) -> Reply:
            seen.append(request)
            return Reply(403, b"enough", ())

        site = site_of(answer, limits=Limits(http_linger=0.05))
        async with Client(site) as client:
            await client.send(POST + chunks(b"walnut"))
            await client.read_until(b"enough")
            with contextlib.suppress(ConnectionError):
                await client.send(chunks(b"oak") + b"0\r\n\r\n" + GET % b"b")
            assert len(seen) == 1
            assert seen[0].stream is not None
            return await client.read_all(), seen[0].stream

    came, stream = asyncio.run(run())

    assert b"Connection: close" in came
    assert not stream.is_whole


def test_a_client_that_waits_to_go_on_is_told_to_before_its_body_is_read() -> None:
    sent = POST.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")

    async def run() -> tuple[bytes, bytes]:
        reader = Reader()
        reader.may_read.set()
        async with Client(site_of(reader)) as client:
            await client.send(sent)
            first = await client.read()
            await client.send(chunks(b"walnut") + b"0\r\n\r\n")
            return first, await client.read_until(b"\r\n\r\n6")

    first, came = asyncio.run(run())

    assert first == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert b"HTTP/1.1 200 " in came


def test_an_echo_of_a_body_goes_at_the_pace_of_both() -> None:
    """Through http both ways: the request's body is the reply's."""

    async def run() -> tuple[int, int]:
        streams: list[BodyStream] = []

        def answer(request: Request) -> Reply:
            assert request.stream is not None
            streams.append(request.stream)
            return Reply(200, request.stream, ())

        async with Client(site_of(answer, max_body=100 * MB)) as client:
            sending = asyncio.ensure_future(
                client.send(POST + chunks(*[bytes(16 * 1024)] * 500) + b"0\r\n\r\n")
            )
            await eventually(lambda: client.connection._outgoing.is_full)  # type: ignore[attr-defined]
            for _ in range(100):
                await asyncio.sleep(0)
            held, done = streams[0].came, sending.done()
            assert not done
            while not client.came.endswith(b"\r\n0\r\n\r\n"):
                await client.read()
            await limited(sending)
            return held, client.came.count(b"\0")

    held, came = asyncio.run(run())

    assert held < MB
    assert came == 500 * 16 * 1024


def test_no_room_for_heads_is_kept_behind_a_large_body() -> None:
    async def run() -> int:
        site = site_of(
            lambda request: Reply(200, b"%d" % len(request.body), ()), streams=lambda _: False
        )
        async with Client(site) as client:
            head = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (2 * SMALL)
            await client.send(head + bytes(2 * SMALL))
            await client.read_until(b"%d" % (2 * SMALL))
            for _ in range(10):
                await asyncio.sleep(0)
            return site.heads.used

    assert asyncio.run(run()) == 0
