"""One connection on a real event loop: what a client that reads slowly does to it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import Any

import pytest

from taskdock.web.http.connection import Connection
from taskdock.web.http.connection_limit import Peer
from taskdock.web.http.messages import Reply, Request, Responder
from taskdock.web.http.site import Site

_ONE = b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n"
_LAST = b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def _site(answer: Responder) -> Site:
    return Site(
        answer=answer,
        refuse=lambda path, status, why: Reply(status, why.encode()),
        max_head=10_000,
        max_body=10_000,
        max_dropped=0,
    )


async def _ask_and_read_slowly(size: int, complaints: list[dict[str, Any]]) -> bytes:
    """What comes when two requests are sent at once, and their answers, of which the first has
    `size` bytes, are read piece by piece."""
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: complaints.append(context))
    site = _site(lambda request: Reply(200, b"bye" if request.path == "/last" else bytes(size)))
    theirs, ours = socket.socketpair()
    for each in (theirs, ours):
        each.setblocking(False)
    peer = Peer("", environment="e", function="f")
    transport, _ = await loop.create_connection(lambda: Connection(site, loop, peer), sock=ours)
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 128 * 1024)
    await loop.sock_sendall(theirs, _ONE % 1 + _LAST)
    came = bytearray()
    while data := await asyncio.wait_for(loop.sock_recv(theirs, 64 * 1024), 30):
        came += data
    with contextlib.closing(theirs):
        for _ in range(3):  # what the loop was asked to do meanwhile is done
            await asyncio.sleep(0)
    return bytes(came)


@pytest.mark.parametrize("size", [number * 20_000 for number in range(8, 28)])
def test_a_last_answer_that_had_to_wait_closes_the_connection_once(size: int) -> None:
    """Of some sizes the last piece is written at once, when the transport says that it has room."""
    complaints: list[dict[str, Any]] = []

    came = asyncio.run(_ask_and_read_slowly(size, complaints))

    assert complaints == []
    assert came.count(b"HTTP/1.1 200 OK") == 2
    assert came.endswith(b"bye")


def test_a_connection_that_was_accepted_before_a_stop_and_comes_behind_it_is_not_served() -> None:
    """asyncio brings it in turns of the loop that follow the close of its server."""
    asked: list[Request] = []

    def answer(request: Request) -> Reply:
        asked.append(request)
        return Reply(200, b"late")

    async def call_a_closed_site() -> bytes:
        loop = asyncio.get_running_loop()
        site = _site(answer)
        server = await loop.create_server(lambda: Connection(site, loop), "127.0.0.1", 0)
        site.closed = True
        async with server:
            port = server.sockets[0].getsockname()[1]
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(_ONE % 1)
            came = b""
            with contextlib.suppress(ConnectionError):
                came = await asyncio.wait_for(reader.read(), 30)
            writer.close()
        assert site.connections == set()
        return came

    assert asyncio.run(call_a_closed_site()) == b""
    assert asked == []


def test_who_came_by_a_door_is_told_to_what_answers_and_has_called_nobodys_address() -> None:
    asked: list[Request] = []
    peer = Peer("", environment="e", function="f")

    def answer(request: Request) -> Reply:
        asked.append(request)
        return Reply(200, b"")

    async def call() -> None:
        loop = asyncio.get_running_loop()
        theirs, ours = socket.socketpair()
        await loop.create_connection(lambda: Connection(_site(answer), loop, peer), sock=ours)
        reader, writer = await asyncio.open_connection(sock=theirs)
        writer.write(_LAST)
        await asyncio.wait_for(reader.read(), 30)
        writer.close()

    asyncio.run(call())

    (request,) = asked
    assert (request.peer, request.server) == (peer, ("localhost", 0))


async def _send(site: Site, sent: bytes) -> bytes:
    """All that is answered to these bytes, until the connection is closed."""
    loop = asyncio.get_running_loop()
    theirs, ours = socket.socketpair()
    for each in (theirs, ours):
        each.setblocking(False)
    peer = Peer("", environment="e", function="f")
    await loop.create_connection(lambda: Connection(site, loop, peer), sock=ours)
    await loop.sock_sendall(theirs, sent)
    came = bytearray()
    with contextlib.closing(theirs):
        while data := await asyncio.wait_for(loop.sock_recv(theirs, 64 * 1024), 30):
            came += data
    return bytes(came)


def test_a_request_is_turned_away_by_its_headers_before_its_body_has_come() -> None:
    asked: list[str] = []
    site = _site(lambda request: Reply(200, request.path.encode()))

    def admit(request: Request) -> Reply | None:
        asked.append(request.path)
        return Reply(403, b"not you") if request.header("host") == "evil" else None

    site.admit = admit
    head = b"POST /b HTTP/1.1\r\nHost: evil\r\nContent-Length: 9999\r\n\r\nhalf"

    came = asyncio.run(_send(site, b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" + head))

    assert asked == ["/a", "/b"]
    assert came.index(b"200 OK") < came.index(b"403 Forbidden")
    assert came.endswith(b"Connection: close\r\n\r\nnot you")
