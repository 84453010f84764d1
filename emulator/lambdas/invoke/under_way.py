"""Counts the invocations that are under way, and waits until there are none."""

from __future__ import annotations

import threading
from types import TracebackType


class UnderWay:
    """`with under_way:` is one invocation. For any thread."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = threading.Condition()

    def __enter__(self) -> None:
        with self._changed:
            self.count += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._changed:
            self.count -= 1
            self._changed.notify_all()

    def await_none(self, limit: float) -> bool:
        """Waits `limit` seconds at most; whether there are none."""
        with self._changed:
            return self._changed.wait_for(lambda: not self.count, limit)
