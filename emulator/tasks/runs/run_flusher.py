"""The loop that writes the runs of the history."""

from __future__ import annotations

from taskdock.base.notices import LoopFailed, Notices
from taskdock.base.timing.clock import SystemClock
from taskdock.base.timing.loop import Loop
from taskdock.tasks.runs.history import RunHistory

_WRITE_EVERY = 10.0  # seconds; under load, most runs are forgotten again before they cost a write


class RunFlusher(Loop):
    """Writes the runs that have ended, now and then."""

    name = "run-flusher"

    def __init__(self, *, history: RunHistory, notices: Notices) -> None:
        super().__init__(SystemClock(), notices)  # a disk knows no other
        self._history = history

    def run_once(self) -> float:
        self._history.write_waiting()
        return _WRITE_EVERY

    def stop(self) -> None:
        """Also writes the runs that ended since the last turn."""
        super().stop()
        try:
            self._history.write_waiting()
        except Exception as error:
            self._notices.publish(LoopFailed(loop=self.name, error=repr(error)))
