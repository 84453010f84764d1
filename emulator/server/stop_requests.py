"""Requests to stop that come as a file of the data folder: how `taskdock stop` ends a server.

Only the user may write there, so nobody else can stop the server. The request names the server by
the content of its lock file, so that it stops no later one; and no process is named at all, which
could be another program's by now, or mean another process in a container.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from taskdock.base.errors import ForeignFile
from taskdock.base.files import own_files
from taskdock.base.files.own_folder import STOP

_PAUSE = 0.1  # seconds
_BETWEEN_SIGNALS = 0.2  # seconds: two at once may be one
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


def end_this_process(at_once: bool) -> None:
    """As the user's own signals do; `at_once`: as two of them do."""
    os.kill(os.getpid(), signal.SIGTERM)
    if at_once:
        time.sleep(_BETWEEN_SIGNALS)
        os.kill(os.getpid(), signal.SIGTERM)
