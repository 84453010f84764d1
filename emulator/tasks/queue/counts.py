"""Counts of all tasks by status, which cost next to nothing however many tasks there are.

They are counted once, over an index, and then move by the notices of tasks. While somebody looks,
they are counted again now and then. For not every change has a notice: a subscription makes tasks,
retention removes some, and another server may write too. And a change may be in the database, and
so be counted, before its notice comes.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from taskdock.base.errors import StorageError
from taskdock.base.notices import Notice, Notices
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.base.timing.loop import Loop
from taskdock.store.database import Store
from taskdock.tasks.model.notices import (
    ExecutionBegan,
    ServerReset,
    TaskCanceled,
    TaskClaimed,
    TaskCompleted,
    TaskCreated,
    TaskEnded,
    TaskFailed,
    TaskReleased,
    TaskRetried,
    TasksRecounted,
)
from taskdock.tasks.model.task import Status

_COUNT = "SELECT status, COUNT(*) FROM task GROUP BY status"
_SHARE = 100  # times as long as a count has taken is the pause before the next one
_LONG = 0.002  # seconds of a count from which on nobody waits for it
_LOOK_AGAIN = 20.0  # seconds after which a count is old, while somebody looks
_LOOKS = 60.0  # seconds after which nobody looks any more
_SLEEP = 3600.0  # seconds; whoever looks wakes the loop

_MOVES: Mapping[type[Notice], Mapping[Status, int]] = {
    TaskCreated: {Status.NEW: 1},
    TaskCanceled: {Status.NEW: -1, Status.CANCELED: 1},
    TaskClaimed: {Status.NEW: -1, Status.IN_PROGRESS: 1},
    ExecutionBegan: {Status.IN_PROGRESS: 1},
    TaskCompleted: {Status.COMPLETE: 1},
    TaskFailed: {Status.FAILED: 1},
    TaskRetried: {Status.RETRIED: 1, Status.NEW: 1},
    TaskReleased: {Status.NEW: 1},
}


@dataclass(frozen=True)
class Counts:
    of: Mapping[Status, int]
    """A number for each status."""
    at: datetime
    """When all were counted last; the numbers have moved on since."""


class TaskCounts(Loop):
    """For any thread."""

    name = "task-counts"

    def __init__(self, *, store: Store, clock: Clock, notices: Notices) -> None:
        self._real = SystemClock()  # how long a count takes is real time
        super().__init__(self._real, notices)
        self._store = store
        self._now = clock.now
        self._lock = threading.Lock()  # held for a moment
        self._counting = threading.Lock()
        self._counts: Counter[Status] | None = None  # None: they are not known
        self._moved: Counter[Status] = Counter()  # since the last count began
        self._claimed: set[str] = set()  # tasks that have moved into progress by a notice
        self._dirty = False
        self._took = 0.0
        self._counted, self._asked = 0.0, float("-inf")  # monotonic
        self._at = self._now()
        for kind in (*_MOVES, ServerReset):
            notices.subscribe(kind, self._hear)

    def read(self) -> Counts:
        """The counts as they are known; it waits for the database only the first time, and where
        that is quick. Raises `StorageError` where nothing could be counted yet."""
        now = self._asked = self._real.monotonic()
        if self._counts is None:
            self._count(wait=True)
        elif self._is_due(now) and self._took < _LONG:
            with contextlib.suppress(StorageError):
                self._count(wait=False)
        elif self._is_due(now) or self._dirty:
            self.wake()  # it counts when it is time, and says so where the numbers were not right
        with self._lock:
            known = self._counts or Counter()
            return Counts({status: max(known[status], 0) for status in Status}, self._at)

    def run_once(self) -> float:
        """Counts again what was counted long ago, while somebody looks."""
        now = self._real.monotonic()
        if self._counts is None or now - self._asked > _LOOKS:
            return _SLEEP
        if not self._is_due(now):
            return max(self._due() - now, 0.01)
        try:
            is_news = self._count(wait=False)
        except StorageError:
            return _LOOK_AGAIN
        if is_news:
            self._notices.publish(TasksRecounted())
        return self._due() - now

    def _is_due(self, now: float) -> bool:
        return now >= self._due()

    def _due(self) -> float:
        pause = self._took * _SHARE
        return self._counted + (pause if self._dirty else max(pause, _LOOK_AGAIN))

    def _count(self, *, wait: bool) -> bool:
        """Whether the counts were not what they seemed to be."""
        if not self._counting.acquire(blocking=wait):
            return False
        try:
            with self._lock:
                self._moved.clear()
                self._dirty = False
            began = self._real.monotonic()
            counted = Counter({Status(name): count for name, count in self._store.rows(_COUNT)})
            with self._lock:
                before = self._counts
                # Notices came meanwhile, behind the view that the database gave of itself.
                counted.update(self._moved)
                self._counts, self._at = counted, self._now()
                self._counted = self._real.monotonic()
                self._took = self._counted - began
                return before is None or any(before[each] != counted[each] for each in Status)
        finally:
            self._counting.release()

    def _hear(self, notice: Notice) -> None:
        """On any thread. It only adds, since it is called for each task."""
        with self._lock:
            self._dirty = True
            if isinstance(notice, ServerReset):
                self._counts = None
                self._claimed.clear()
            elif self._counts is not None:
                moves = self._moves(notice)
                self._counts.update(moves)
                self._moved.update(moves)

    def _moves(self, notice: Notice) -> Mapping[Status, int]:
        moves = _MOVES[type(notice)]
        if isinstance(notice, TaskClaimed | ExecutionBegan):
            self._claimed.add(notice.task)
        elif isinstance(notice, TaskEnded) and notice.task in self._claimed:
            self._claimed.discard(notice.task)
            return {**moves, Status.IN_PROGRESS: -1}
        return moves
