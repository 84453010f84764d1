"""The timers of a clock that is moved: calls that come on the threads of event loops."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta
from itertools import count
from typing import Any

from taskdock.base.timing.clock import SystemClock

_GLANCE = 0.01  # seconds of real time between two looks whether a loop was closed


class ClockTimer:
    """A call that comes at `due`, the time since its clock began."""

    def __init__(
        self,
        due: timedelta,
        loop: asyncio.AbstractEventLoop,
        callback: Callable[..., object],
        arguments: tuple[Any, ...],
        take: Callable[[ClockTimer], bool],
    ) -> None:
        """`take`: whether the call is still to come, which it is once."""
        self.due = due
        self.loop = loop
        self._callback = callback
        self._arguments = arguments
        self._take = take
        self._done = threading.Event()

    def cancel(self) -> None:
        self._take(self)

    def call(self) -> None:
        """On the thread of its loop. Harmless where the call has come, or was cancelled."""
        try:
            if self._take(self):
                self._callback(*self._arguments)
        finally:
            self._done.set()

    def post(self) -> bool:
        """Has it called on the thread of its loop, soon; False: the loop is closed."""
        try:
            self.loop.call_soon_threadsafe(self.call)
        except RuntimeError:
            self._take(self)
            return False
        return True

    def run(self, limit: float) -> None:
        """Returns when the call has been made on the thread of its loop. Where the loop is closed,
        nothing is called. Raises `TimeoutError` after `limit` seconds of real time."""
        if _running_loop() is self.loop:
            self.call()
            return
        if not self.post():
            return
        machine = SystemClock()
        give_up = machine.monotonic() + limit
        while not self._done.wait(_GLANCE):
            if self.loop.is_closed():
                return
            if machine.monotonic() > give_up:
                raise TimeoutError(f"{self._callback} has not been called within {limit:g} s")


class Timers:
    """The timers that are to come; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ages = count()
        self._coming: dict[ClockTimer, int] = {}  # with their ages; few at a time

    def add(
        self,
        due: timedelta,
        loop: asyncio.AbstractEventLoop,
        callback: Callable[..., object],
        arguments: tuple[Any, ...],
    ) -> ClockTimer:
        timer = ClockTimer(due, loop, callback, arguments, self._take)
        with self._lock:
            self._coming[timer] = next(self._ages)
        return timer

    def due(self, end: timedelta) -> list[ClockTimer]:
        """Those that are due at `end` or before, by due time and age."""
        with self._lock:
            found = [(timer.due, age, timer) for timer, age in self._coming.items()]
        found.sort(key=lambda each: each[:2])
        return [timer for due, _, timer in found if due <= end]

    def _take(self, timer: ClockTimer) -> bool:
        with self._lock:
            return self._coming.pop(timer, None) is not None


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
