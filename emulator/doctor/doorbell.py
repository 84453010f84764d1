"""Answers containers that call, as a server's two listeners would: 200, whatever they ask."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Sequence
from types import TracebackType

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
_PATIENCE = 5.0  # seconds that a caller has for its request
_GLANCE = 0.2  # seconds between two looks at whether it is over
_LONGEST = 64 * 1024  # bytes of a request


class Doorbell:
    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        """`sockets`: they listen, and are closed at the end."""
        self._sockets = sockets
        self._over = threading.Event()
        self._threads = [
            threading.Thread(target=self._answer, args=(each,), name="doorbell", daemon=True)
            for each in sockets
        ]

    def __enter__(self) -> Doorbell:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(_PATIENCE)
        for each in self._sockets:
            each.close()

    def _answer(self, listening: socket.socket) -> None:
        listening.settimeout(_GLANCE)
        while not self._over.is_set():
            try:
                caller, _ = listening.accept()
            except OSError:  # nobody, as yet
                continue
            with caller, contextlib.suppress(OSError):
                caller.settimeout(_PATIENCE)
                _read_head(caller)
                caller.sendall(_ANSWER)


def _read_head(caller: socket.socket) -> None:
    """All of it: the kernel breaks a connection that is closed with something unread."""
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _LONGEST:
        part = caller.recv(4096)
        if not part:
            return
        head += part
