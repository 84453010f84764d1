"""The command with its output in pipes, which are read while it runs."""

from __future__ import annotations

import signal
import subprocess
import threading
from collections.abc import Callable
from typing import IO

from tests.support.live import COMMAND

_SECONDS = 60.0


class Piped:
    """`taskdock` with these words; `close` ends it in any case."""

    def __init__(self, *words: str) -> None:
        self.lines: list[str] = []
        """Lines of its stdout."""
        self.notes: list[str] = []
        """Lines of its stderr."""
        self._process = subprocess.Popen(
            [*COMMAND, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._readers = [
            threading.Thread(target=_read, args=one)
            for one in ((self._process.stdout, self.lines), (self._process.stderr, self.notes))
        ]
        for reader in self._readers:
            reader.start()

    @property
    def runs(self) -> bool:
        return self._process.poll() is None

    def interrupt(self) -> int:
        """Ends it as Ctrl-C does; its exit code."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(_SECONDS)

    def wait(self) -> int:
        """Waits until it ends by itself; its exit code."""
        return self._process.wait(_SECONDS)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for reader in self._readers:
            reader.join(_SECONDS)


StartPiped = Callable[..., Piped]


def _read(stream: IO[str], lines: list[str]) -> None:
    with stream:
        for line in stream:
            lines.append(line.rstrip("\n"))
