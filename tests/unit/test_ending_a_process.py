"""A server's process says why it ends."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from threading import Event

import pytest

from taskdock.server import serve, stop_requests


class Life:
    """A server that serves, and whose end comes once it is asked for."""

    def __init__(self, over: socket.socket) -> None:
        self.began = Event()
        self.began.set()
        self._over = over
        self.hurried = Event()

    def end(self) -> None:
        self._over.send(serve._OVER)

    def hurry(self) -> None:
        self.hurried.set()


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    heard, sent = socket.socketpair()
    with heard, sent:
        yield heard, sent


@pytest.mark.parametrize(
    ("told", "why"),
    [
        (stop_requests._ASKED, "asked by taskdock stop"),
        (bytes([signal.SIGTERM]), "SIGTERM"),
        (bytes([signal.SIGINT]), "Ctrl-C"),
        (bytes([signal.SIGHUP]), "SIGHUP"),
        (stop_requests._ALONE, "the program that started it has gone"),
    ],
)
def test_the_log_says_who_has_asked_for_the_end(
    ends: tuple[socket.socket, socket.socket],
    capsys: pytest.CaptureFixture[str],
    told: bytes,
    why: str,
) -> None:
    heard, sent = ends
    sent.send(told)

    serve._wait(Life(sent), heard)  # type: ignore[arg-type]

    assert capsys.readouterr().out == (
        f"stopping ({why}): running tasks may finish, others stay queued\n"
    )
