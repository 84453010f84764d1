"""Keeps endings that could not be written, and writes them again until they are.

Work is never done again because a write has failed. The caller hands the write over and goes on;
this loop repeats the write every second, for as long as the server runs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

from taskdock.base.health import Health
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import SystemClock
from taskdock.base.timing.loop import LONGEST_PAUSE, Loop
from taskdock.tasks.model.notices import WritePostponed

NAME = "results"  # of the trouble
_AGAIN = 1.0  # seconds between two tries

Write = Callable[[], object]
"""One transaction. It may be repeated when it has raised, and not when it has not."""


class Unwritten(Loop):
    """For any thread."""

    name = "unwritten"

    def __init__(self, *, health: Health, notices: Notices) -> None:
        super().__init__(SystemClock(), notices)  # a database knows no other
        self._health = health
        self._writes: dict[str, Write] = {}  # by what they are about, the oldest first
        self._changed = threading.Condition()

    @property
    def owners(self) -> Collection[str]:
        """The ids of the tasks, invocations and requests whose writes wait."""
        with self._changed:
            return set(self._writes)

    def write_or_keep(self, owner: str, write: Write) -> bool:
        """Writes now, or keeps it for later; whether it is written."""
        try:
            write()
        except Exception as problem:
            self.keep(owner, write, problem)
            return False
        return True

    def keep(self, owner: str, write: Write, problem: Exception) -> None:
        """`owner` has one write at most; it has just failed for `problem`."""
        with self._changed:
            self._writes[owner] = write
        self._notices.publish(WritePostponed(id=owner, error=repr(problem)))
        self._report(problem)
        self.wake()

    def await_empty(self, limit: float) -> bool:
        """Waits `limit` seconds at most until nothing is left."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._writes, limit)

    def run_once(self) -> float:
        with self._changed:
            waiting = dict(self._writes)
        for owner, write in waiting.items():
            if self._stopping.is_set():
                break
            try:
                write()
            except Exception as problem:
                self._report(problem)
                continue
            with self._changed:
                del self._writes[owner]
                self._changed.notify_all()
        if self._writes:
            return _AGAIN
        self._health.clear(NAME)
        return LONGEST_PAUSE

    def _report(self, problem: Exception) -> None:
        count = len(self._writes)
        if count:
            self._health.report(
                NAME,
                f"the results of {count} finished calls cannot be written yet ({problem});"
                " they are kept, and written again every second",
                degraded=True,
            )
