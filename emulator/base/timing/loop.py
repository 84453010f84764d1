"""Loop: a thread that does a piece of work, pauses as long as the work says, and can be woken.

Subclasses give `run_once`. Starting twice, stopping twice and stopping unstarted are harmless.
"""

from __future__ import annotations

import threading
from datetime import datetime

from taskdock.base.notices import LoopFailed, Notices
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.base.timing.signal import Signal

LONGEST_PAUSE = 5.0  # seconds, so that a clock that was set forward is noticed
AFTER_FAILURE = 1.0  # seconds until a failed piece of work is tried again


def until(due: datetime | None, now: datetime, longest: float = LONGEST_PAUSE) -> float:
    """The seconds until `due`, and `longest` at most. `due` is None where nothing is due."""
    return longest if due is None else min(max((due - now).total_seconds(), 0.0), longest)


class Loop:
    name = "loop"

    def __init__(
        self, clock: Clock, notices: Notices, *, after_failure: float = AFTER_FAILURE
    ) -> None:
        """The pauses go by `clock`; that of `after_failure` seconds is real time, because what has
        failed works again or not, whatever `clock` says."""
        self._clock = clock
        self._after_failure = after_failure
        self._notices = notices
        self._wake = Signal()
        self._stopping = threading.Event()
        self._has_begun = threading.Event()
        self._thread: threading.Thread | None = None

    def run_once(self) -> float:
        """Does the work that is due. Returns the seconds until the next call. Where it raises, the
        failure is published and the next call comes after a pause."""
        raise NotImplementedError

    def start(self) -> None:
        """Starts the thread, a daemon named `name`. From when this returns on, a clock that is
        moved knows the thread."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
            self._thread.start()
            self._has_begun.wait()

    def wake(self) -> None:
        """Has `run_once` called now, or right after the call that is under way. For any thread."""
        self._wake.set()

    def stop(self) -> None:
        """Returns after the last `run_once` has returned. For any thread, also the loop's own."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def _run(self) -> None:
        pause, published = 0.0, ""
        clock, machine = self._clock, SystemClock()
        while True:
            clock.wait(self._wake, pause)  # the first wait is over at once
            self._has_begun.set()
            if self._stopping.is_set():
                return
            self._wake.clear()
            try:
                clock, pause, failure = self._clock, self.run_once(), ""
            except Exception as error:
                clock, pause, failure = machine, self._after_failure, repr(error)
            if failure and failure != published:  # not again each second, however long it lasts
                self._notices.publish(LoopFailed(loop=self.name, error=failure))
            published = failure
