"""The launcher finds its door, or says by its exit code why there is none."""

from __future__ import annotations

import errno
import socket

import pytest

from tests.launcher.container import ALSO_WATCHED, Container

TOKEN = "0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("doors", "error"),
    [
        (["unix:/nowhere/door"], errno.ENOENT),
        (["unix:/dev/null"], errno.ECONNREFUSED),
        (["unix:/" + "x" * 200], errno.ENAMETOOLONG),
        (["tcp:127.0.0.1:7001"], errno.ECONNREFUSED),
        (["tcp:10.0.0.1:7001"], errno.ENETUNREACH),
        (["tcp:nonsense"], errno.EINVAL),
        (["something"], errno.EINVAL),
        ([""], errno.EINVAL),
        (["unix:/nowhere", "tcp:127.0.0.1:7001"], errno.ECONNREFUSED),
        (["tcp:127.0.0.1:7001", "unix:/nowhere"], errno.ENOENT),
    ],
)
def test_where_no_door_opens_its_code_is_the_error_of_the_last_try(
    launcher: list[str], doors: list[str], error: int
) -> None:
    with Container(launcher, doors=doors) as container:
        assert container.code() == error


def test_the_first_door_that_opens_is_taken(launcher: list[str]) -> None:
    container = Container(launcher)
    container.doors = ["unix:/nowhere", "tcp:127.0.0.1:1", *container.doors, "unix:/dev/null"]

    with container:
        assert container.connect().run("echo on") == "on\n"


@pytest.mark.fuzz  # for the seconds that it takes
def test_a_door_that_nobody_opens_is_left_after_a_while(launcher: list[str]) -> None:
    """Its queue is full, as that of a server that hangs."""
    container = Container(launcher)
    full = container.folder / "full"
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as waiting:
        listener.bind(str(full))
        listener.listen(0)
        waiting.connect(str(full))
        container.doors = [f"unix:{full}", *container.doors]

        with container:
            assert container.connect().run("echo on") == "on\n"


@ALSO_WATCHED
@pytest.mark.parametrize("address", ["127.0.0.1", "localhost", "::1"])
def test_by_tcp_the_token_goes_before_every_connection(launcher: list[str], address: str) -> None:
    door = f"tcp:{address}:7000"
    with Container(launcher, doors=[door], token=TOKEN, waits=True) as container:
        container.listen_by_tcp("127.0.0.1" if address == "localhost" else address)
        container.go()
        container.connect()

        container.listen(9001, "r")
        with container.call(9001) as inner:
            letter, outer = container.forward()
            inner.sendall(b"question")
            assert (letter, outer.recv(100)) == ("r", b"question")
            outer.sendall(b"answer")
            assert inner.recv(100) == b"answer"
            outer.close()
        assert container.run("env | grep -c TASKDOCK") == "0\n"


def test_by_tcp_a_server_that_is_gone_closes_the_connections_inside(launcher: list[str]) -> None:
    with Container(launcher, doors=["tcp:127.0.0.1:7000"], token=TOKEN, waits=True) as container:
        container.listen_by_tcp()
        container.go()
        container.connect()
        container.listen(9001)

        container.listener.close()

        with container.call(9001) as inner:
            assert inner.recv(100) == b""
        container.flush()


def test_by_a_unix_socket_nothing_goes_before_the_letter(launcher: list[str]) -> None:
    with Container(launcher) as container:
        container.connect()
        container.listen(9001, "t")

        with container.call(9001):
            assert container.forward()[0] == "t"
