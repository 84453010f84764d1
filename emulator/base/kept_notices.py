"""Kept notices: the latest of them in memory, for whoever looks after they were logged."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from datetime import datetime

from taskdock.base.notices import Notice, Notices
from taskdock.base.timing.clock import Clock, SystemClock

MOST = 500


@dataclass(frozen=True)
class KeptNotice:
    number: int
    """Grows with each notice."""
    at: datetime
    """In real time, as in the log."""
    notice: Notice


class KeptNotices:
    """For any thread. A notice costs one entry of a list that does not grow: its text is made when
    somebody reads it."""

    def __init__(self, notices: Notices, clock: Clock | None = None) -> None:
        """`clock`: None is the machine's."""
        self._clock = clock or SystemClock()
        self._kept: deque[KeptNotice] = deque(maxlen=MOST)
        self._number = 0
        self._lock = threading.Lock()
        notices.subscribe(Notice, self._keep)

    def _keep(self, notice: Notice) -> None:
        at = self._clock.now()
        with self._lock:
            self._number += 1
            self._kept.append(KeptNotice(self._number, at, notice))

    def all(self) -> list[KeptNotice]:
        """The newest first."""
        with self._lock:
            return list(reversed(self._kept))
