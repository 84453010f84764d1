"""Requests to stop: signals, the end of a parent, and a file of the data folder, which is how
`taskdock stop` ends a server. Each becomes one byte for the thread that waits.

Only the user may write into the data folder, so nobody else can stop the server. The file names the
server by the content of its lock, so that it stops no later one; and no process is named at all,
which could be another program's by now, or mean another process in a container.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from taskdock.base.errors import ForeignFile
from taskdock.base.files import own_files
from taskdock.base.files.own_folder import STOP

_PAUSE = 0.1  # seconds
_BEFORE_HURRY = 0.2  # seconds, in which a stop begins: what is queued stays so
_ASKED, _ALONE = b"\xfe", b"\xff"  # among the numbers of signals
WHY = {
    _ASKED: "asked by taskdock stop",
    _ALONE: "the program that started it has gone",
    bytes([signal.SIGINT]): "Ctrl-C",
    bytes([signal.SIGTERM]): "SIGTERM",
    bytes([signal.SIGHUP]): "SIGHUP",
}
"""The words of the log for each request; nothing else may tell who has ended a server."""
NOW = "now"
"""The request's second word where what still runs is to be ended, too."""


def listen(folder: Path, run: str, heard: Callable[[bool], object]) -> None:
    """Calls `heard` for each request, on a thread of its own; with True where what still runs is to
    be ended. `run`: the content of the server's lock file."""

    def look() -> None:
        file = folder / STOP
        while True:
            time.sleep(_PAUSE)
            if os.path.lexists(file):
                with suppress(OSError, ForeignFile):
                    whom, _, how = own_files.read(file).strip().partition(" ")
                    file.unlink()
                    if whom == run:
                        heard(how == NOW)

    threading.Thread(target=look, name="stop-requests", daemon=True).start()


def listen_to_signals(sent: socket.socket) -> None:
    """From now on, each signal that asks for an end puts its number into `sent`, one byte: SIGINT,
    SIGTERM, and SIGHUP when the terminal is closed.

    A handler that releases a lock would not do. It runs only once the main thread is awake, and a
    signal that comes just before the thread waits would not wake the thread.
    """
    sent.setblocking(False)
    signal.set_wakeup_fd(sent.fileno())
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:  # nohup
            continue
        signal.signal(number, lambda *_, _open=sent: None)


def ask(sent: socket.socket, at_once: bool) -> None:
    """Carries out a `taskdock stop`, as the user's own signals do; `at_once`: as two of them do."""
    sent.send(_ASKED)
    if at_once:
        time.sleep(_BEFORE_HURRY)
        sent.send(_ASKED)


def end_with_stdin(sent: socket.socket) -> None:
    """Stops us when the program that started us and holds our input has gone, killed perhaps."""
    while os.read(sys.stdin.fileno(), 1024):
        pass
    sent.send(_ALONE)


def signal_of(request: bytes) -> int:
    """The number of the signal that a request is as good as."""
    return signal.SIGTERM if request in (_ASKED, _ALONE) else request[0]
