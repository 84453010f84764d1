"""A terminal: runs the command as a person at a terminal would, with output and typed input."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tests.support.live import REPOSITORY

_SECONDS = 60.0
_WISHES = frozenset(("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE"))
"""Variables by which people say how output is to look: https://no-color.org, rich's and others'."""


@dataclass(frozen=True)
class Seen:
    text: str
    """The text that the terminal received, with the line ends that programs write."""
    code: int


def at_terminal(*words: str, typed: str = "", variables: Mapping[str, str] | None = None) -> Seen:
    """`taskdock` with these words, all its streams a terminal; `typed` waits there already.

    It is the same terminal wherever the tests run: CI, such as ours, may say that it wants no
    colours. `variables` are added to those of this process that are left.
    """
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "cli.py"), *words],
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        env={**_usual_variables(), **(variables or {})},
    )
    os.close(its)
    try:
        if typed:
            os.write(ours, typed.encode())
        seen = _read(ours)
        return Seen(seen.replace("\r\n", "\n"), process.wait(_SECONDS))
    finally:
        os.close(ours)
        process.kill()
        process.wait()


def _usual_variables() -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in _WISHES and not name.startswith("TASKDOCK_")
    }
    return {**kept, "TERM": "xterm-256color", "COLUMNS": "200"}


def _read(terminal: int) -> str:
    """All of it, until its last program has closed it."""
    read, give_up = b"", time.monotonic() + _SECONDS
    while True:
        ready, _, _ = select.select([terminal], [], [], max(give_up - time.monotonic(), 0.0))
        assert ready, f"it has not ended within {_SECONDS:g} s: {read!r}"
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # EIO: nobody holds the other end any more
            piece = b""
        if not piece:
            return read.decode()
        read += piece
