"""A terminal: runs the command as a person at a terminal would, with output and typed input."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType

from tests.support.live import COMMAND

_SECONDS = 60.0
_WISHES = frozenset(
    ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE", "COLUMNS", "LINES")
)
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
        [*COMMAND, *words],
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        env={**_usual_variables(), "COLUMNS": "200", **(variables or {})},
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
    return {**kept, "TERM": "xterm-256color"}


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


class OpenTerminal:
    """`taskdock` at a terminal of a real size, seen while it runs; it is interrupted in the end."""

    def __init__(
        self,
        *words: str,
        columns: int = 80,
        lines: int = 24,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        self.seen = ""
        """The text that the terminal has received."""
        self._ours, its = pty.openpty()
        self.resize(columns=columns, lines=lines)
        self._process = subprocess.Popen(
            [*COMMAND, *words],
            stdin=its,
            stdout=its,
            stderr=its,
            start_new_session=True,
            env={**_usual_variables(), **(variables or {})},
        )
        os.close(its)

    def __enter__(self) -> OpenTerminal:
        return self

    def __exit__(
        self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        os.close(self._ours)

    def resize(self, *, columns: int, lines: int) -> None:
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def until(self, text: str, *, after: int = 0) -> str:
        """All that it has received, once `text` is in what came behind the first `after`."""
        give_up = time.monotonic() + _SECONDS
        while text not in self.seen[after:]:
            assert self._more(give_up), f"it has ended without {text!r}: {self.seen!r}"
        return self.seen

    def end(self, number: int = signal.SIGINT) -> Seen:
        """Interrupts it as Ctrl-C does, and waits for its end."""
        self._process.send_signal(number)
        return self.wait()

    def wait(self) -> Seen:
        give_up = time.monotonic() + _SECONDS
        while self._more(give_up):
            pass
        return Seen(self.seen.replace("\r\n", "\n"), self._process.wait(_SECONDS))

    def _more(self, give_up: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(give_up - time.monotonic(), 0.0))
        assert ready, f"nothing more came within {_SECONDS:g} s: {self.seen!r}"
        try:
            piece = os.read(self._ours, 65536)
        except OSError:  # EIO: nobody holds the other end any more
            return False
        self.seen += piece.decode(errors="replace")
        return bool(piece)
