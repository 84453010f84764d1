"""The process of a contender: starts, waits, stops, and keeps everything that it printed."""

from __future__ import annotations

import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.call import request

LOOPBACK = "127.0.0.1"
START_LIMIT = 60  # seconds


class CannotServe(Exception):
    """The contender did not start, or did not take the function; the message is its own."""


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        return int(taken.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """A process that serves HTTP, and everything that it printed."""

    process: subprocess.Popen[bytes]
    port: int
    printed: Path
    answered_after: float  # seconds from its start to its first answer

    @property
    def pid(self) -> int:
        return self.process.pid

    def read_log(self) -> str:
        """With its line ends as they are."""
        return self.printed.read_bytes().decode(errors="replace")


@contextmanager
def running(
    command: Sequence[str],
    port: int,
    printed: Path,
    environment: Mapping[str, str],
    host: str = LOOPBACK,
) -> Iterator[Server]:
    """The server that `command` starts, once it answers on `port`; CannotServe if it ends first."""
    with printed.open("wb") as log:
        begun = time.monotonic()
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env=environment, start_new_session=True
        )

    def check() -> None:
        if process.poll() is not None:
            raise CannotServe(printed.read_text(errors="replace")[-500:])

    try:
        await_http(port, check, host)
        yield Server(process, port, printed, time.monotonic() - begun)
    finally:
        stop(process)


def await_http(port: int, check: Callable[[], None], host: str = LOOPBACK) -> None:
    """Waits until anything is answered over HTTP; `check` raises when that is hopeless."""
    deadline = time.monotonic() + START_LIMIT
    while request((host, port), "GET", "/health").status == 0:
        check()
        if time.monotonic() > deadline:
            raise CannotServe(f"nothing answers within {START_LIMIT} s")
        time.sleep(0.01)


def stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
