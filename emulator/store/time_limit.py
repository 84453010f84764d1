"""The time that statements may take, which SQLite asks about while it works."""

from __future__ import annotations

import time
from typing import ClassVar


class TimeLimit:
    """On one thread. https://www.sqlite.org/c3ref/progress_handler.html"""

    EVERY: ClassVar[int] = 20_000
    """Instructions of SQLite between two looks: under a millisecond."""

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self.is_over = False

    def look(self) -> bool:
        """Whether SQLite is to end its statement."""
        self.is_over = self.is_over or time.monotonic() >= self._end
        return self.is_over
