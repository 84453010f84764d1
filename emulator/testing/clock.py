"""ManualClock: a clock that stands still until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import count
from typing import Any

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)

_GLANCE = 0.01  # seconds of real time until a thread that waits looks at this clock again
_LIMIT = 30.0  # seconds of real time for what was due


class ManualTimer:
    """A call that comes when its clock is moved to `due`, the time since that clock began."""

    def __init__(
        self,
        due: timedelta,
        loop: asyncio.AbstractEventLoop,
        callback: Callable[..., object],
        arguments: tuple[Any, ...],
    ) -> None:
        self.due = due
        self._loop = loop
        self._callback = callback
        self._arguments = arguments
        self._cancelled = False
        self._done = threading.Event()

    def cancel(self) -> None:
        self._cancelled = True

    def run(self, limit: float) -> None:
        """Returns when the call has been made on the thread of its loop. Where the loop is closed,
        nothing is called. Raises `TimeoutError` after `limit` seconds of real time."""
        if _running_loop() is self._loop:
            self._call()
            return
        try:
            self._loop.call_soon_threadsafe(self._call)
        except RuntimeError:  # the loop is closed
            return
        give_up = time.monotonic() + limit
        while not self._done.wait(_GLANCE):
            if self._loop.is_closed():
                return
            if time.monotonic() > give_up:
                raise TimeoutError(f"{self._callback} has not been called within {limit:g} s")

    def _call(self) -> None:
        try:
            if not self._cancelled:
                self._callback(*self._arguments)
        finally:
            self._done.set()


class ManualClock:
    """A `Clock` for tests; for any thread.

    `advance` lets time pass: in one jump for threads that wait, as when a laptop wakes from its
    sleep, and from one timer to the next for timers. So a schedule of every five minutes runs once
    in `advance(3600)`, and twelve times in twelve steps of 300 seconds. `set` changes the wall
    clock alone, as people do.
    """

    def __init__(self, now: datetime = NOON, *, limit: float = _LIMIT) -> None:
        """`limit`: seconds of real time that `advance` gives to what was due."""
        self._now = now
        self._limit = limit
        self._passed = timedelta(0)  # exact, so that many small steps are one large one
        self._changed = threading.Condition()
        self._timers: list[tuple[timedelta, int, ManualTimer]] = []  # a heap, by due time and age
        self._ages = count()
        self._waits: dict[threading.Thread, tuple[threading.Event, timedelta] | None] = {}
        """By thread that has ever waited: its event and until when it waits; None: it works."""

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._passed.total_seconds()

    def call_later(
        self,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
        callback: Callable[..., object],
        *arguments: Any,
    ) -> ManualTimer:
        with self._changed:
            timer = ManualTimer(self._due(seconds), loop, callback, arguments)
            heapq.heappush(self._timers, (timer.due, next(self._ages), timer))
        return timer

    def wait(self, event: threading.Event, seconds: float) -> bool:
        thread = threading.current_thread()
        with self._changed:
            due = self._due(seconds)
            self._waits[thread] = event, due
            self._changed.notify_all()
        # An event cannot be waited for together with a condition, so this thread looks at both.
        while not event.wait(_GLANCE if self._passed < due else 0.0):
            if self._passed >= due:
                break
        with self._changed:
            self._waits[thread] = None
        return event.is_set()

    def set(self, now: datetime) -> None:
        self._now = now

    def advance(self, seconds: float) -> None:
        """Lets so many seconds pass. Returns when all that was due is done: each timer has been
        called, and each thread that was woken waits by this clock again, or has ended.

        Work that those threads have begun on others, such as the run of a task, goes on in real
        time. Raises `TimeoutError` where a thread does not wait again within the limit.
        """
        self.settle()  # a thread that has read the time and waits next would miss the change
        end = self._due(seconds)
        while (timer := self._next_timer(end)) is not None:
            self._move(max(timer.due, self._passed))
            timer.run(self._limit)
        self._move(end)
        self.settle()

    def settle(self) -> None:
        """Returns when each thread that ever waited by this clock waits for what is still to come,
        or has ended. Raises `TimeoutError` after the limit."""
        give_up = time.monotonic() + self._limit
        with self._changed:
            while busy := self._busy():
                if time.monotonic() > give_up:
                    raise TimeoutError(
                        f"after {self._limit:g} s these threads are still busy: {', '.join(busy)}"
                    )
                self._changed.wait(_GLANCE)

    @property
    def waiting(self) -> list[threading.Thread]:
        """The threads that wait by this clock."""
        with self._changed:
            return [thread for thread, wait in self._waits.items() if wait is not None]

    def _busy(self) -> list[str]:
        me = threading.current_thread()
        self._waits = {thread: wait for thread, wait in self._waits.items() if thread.is_alive()}
        return [
            thread.name
            for thread, wait in self._waits.items()
            if thread is not me and (wait is None or wait[0].is_set() or wait[1] <= self._passed)
        ]

    def _next_timer(self, end: timedelta) -> ManualTimer | None:
        with self._changed:
            if self._timers and self._timers[0][0] <= end:
                return heapq.heappop(self._timers)[2]
        return None

    def _due(self, seconds: float) -> timedelta:
        return self._passed + timedelta(seconds=seconds)

    def _move(self, moment: timedelta) -> None:
        with self._changed:
            self._now += moment - self._passed
            self._passed = moment


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
