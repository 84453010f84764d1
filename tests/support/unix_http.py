"""A client for HTTP over a Unix socket."""

from __future__ import annotations

import http.client
import socket


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float = 30) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def read_head(line: socket.socket) -> tuple[bytes, bytes]:
    """The head of a message, to its empty line, and what of the rest has come with it.

    Raises `ConnectionResetError` when the other side ends before.
    """
    begun = b""
    while b"\r\n\r\n" not in begun:
        some = line.recv(1 << 16)
        if not some:
            raise ConnectionResetError("no whole head")
        begun += some
    head, _, rest = begun.partition(b"\r\n\r\n")
    return head + b"\r\n\r\n", rest
