"""The lines that an environment prints: kept until an invocation records them, then handed to it.

The log that is kept of one invocation is bounded, since a function may print for ever.
"""

from __future__ import annotations

from collections.abc import Callable

from taskdock.base.timing.clock import Clock
from taskdock.lambdas.log_line import LogLine, message_of

Write = Callable[[str], None]
"""Takes one message of a log."""

_ROW = 128  # bytes that a line counts beside its own: a row of the database takes as many


class Recording:
    """On the reactor's thread."""

    def __init__(self, *, clock: Clock, max_log: int) -> None:
        """`max_log`: bytes that are kept of each invocation's log, with `_ROW` for each line."""
        self._clock = clock
        self._max_log = max_log
        self._write: Write | None = None
        self._unread: list[LogLine] = []
        self._size = 0  # bytes of this invocation's log, kept or not

    def begin(self, write: Write) -> list[LogLine]:
        """Hands lines to `write` from now on, and counts a new log. Returns the lines that were
        printed before anything recorded them."""
        lines, self._unread = self._unread, []
        self._write = write
        self._size = 0
        return lines

    def add(self, line: bytes) -> bool:
        """Records one line, without its line end; False once the log is full.

        The first line that finds the log full is replaced by a note that says so. Those that follow
        are dropped.
        """
        was_full = self._size > self._max_log
        self._size += len(line) + _ROW
        is_full = self._size > self._max_log
        if was_full:
            return False
        self._hand_over(self._note if is_full else message_of(line))
        return not is_full

    @property
    def _note(self) -> str:
        return f"taskdock keeps {self._max_log >> 20} MB of a log; what follows is left out"

    def _hand_over(self, message: str) -> None:
        if self._write is None:
            self._unread.append(LogLine(self._clock.now(), message))
        else:
            self._write(message)
