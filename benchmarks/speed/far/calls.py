"""Calls over raw sockets, with one event loop: an order says which; the answer is their result."""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time
from collections import Counter
from typing import Any

PATIENCE = 90.0  # seconds without any answer at all until an order is given up


class Client:
    """One connection, with one call under way at most."""

    def __init__(self, target: dict[str, Any]) -> None:
        body = target["body"].encode()
        lines = [f"POST {target['path']} HTTP/1.1", f"Host: 127.0.0.1:{target['port']}"]
        lines += [f"Content-Length: {len(body)}", "Content-Type: application/json"]
        lines += [f"{name}: {value}" for name, value in target["headers"].items()]
        self._request = "\r\n".join([*lines, "", ""]).encode() + body
        self._port = target["port"]
        self._socket: socket.socket | None = None
        self._got = b""
        self.begun = 0.0

    def send(self, selector: selectors.BaseSelector) -> None:
        """Raises OSError when nobody listens."""
        self.begun = time.perf_counter()
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            selector.register(self._socket, selectors.EVENT_READ, self)
        self._got = b""
        self._socket.sendall(self._request)

    def receive(self, selector: selectors.BaseSelector) -> str:
        """The status once the answer is complete, till then nothing."""
        assert self._socket is not None, "a call is under way"
        try:
            piece = self._socket.recv(65536)
        except OSError as error:
            self.close(selector)
            return type(error).__name__
        self._got += piece
        head, _, body = self._got.partition(b"\r\n\r\n")
        fields = head.lower()
        if not piece:
            self.close(selector)
        elif not is_complete(fields, body) or b"\r\n\r\n" not in self._got:
            return ""
        elif b"\r\nconnection: close" in fields:
            self.close(selector)
        return head[9:12].decode() or "no answer"

    def close(self, selector: selectors.BaseSelector) -> None:
        if self._socket is not None:
            selector.unregister(self._socket)
            self._socket.close()
            self._socket = None


def is_complete(fields: bytes, body: bytes) -> bool:
    """Whether the body is all there; one without a length ends with the connection."""
    if b"\r\ncontent-length:" in fields:
        length = fields.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0]
        return len(body) >= int(length)
    return b"\r\ntransfer-encoding: chunked" in fields and body.endswith(b"0\r\n\r\n")


class Load:
    """One order at work."""

    def __init__(self, order: dict[str, Any]) -> None:
        self._order = order
        self._left = order["calls"]
        self._under_way = 0
        self._taken: list[float] = []
        self._failed: Counter[str] = Counter()
        self._selector = selectors.DefaultSelector()

    def run(self) -> dict[str, Any]:
        targets, count = self._order["targets"], self._order["clients"]
        clients = [Client(targets[number % len(targets)]) for number in range(count)]
        busy, begun = time.process_time(), time.perf_counter()
        until = begun + self._order["seconds"]
        for client in clients:
            self._send(client)
        while self._under_way and (events := self._selector.select(PATIENCE)):
            for key, _ in events:
                if self._receive(key.data) and time.perf_counter() < until:
                    self._send(key.data)
        seconds = time.perf_counter() - begun
        if self._under_way:
            self._failed["no answer in time"] = self._under_way
        for client in clients:
            client.close(self._selector)
        self._selector.close()
        busy = time.process_time() - busy
        return {"taken": self._taken, "seconds": seconds, "busy": busy, "failed": self._failed}

    def _send(self, client: Client) -> None:
        if self._left == 0:
            return
        self._left -= 1
        try:
            client.send(self._selector)
            self._under_way += 1
        except OSError as error:
            self._failed[type(error).__name__] += 1

    def _receive(self, client: Client) -> bool:
        """Whether that was the end of a call."""
        status = client.receive(self._selector)
        if not status:
            return False
        self._under_way -= 1
        if status.startswith("2"):
            self._taken.append((time.perf_counter() - client.begun) * 1000)
        else:
            self._failed[status] += 1
        return True


def main() -> None:
    for line in sys.stdin:
        print(json.dumps(Load(json.loads(line)).run()), flush=True)


if __name__ == "__main__":
    main()
