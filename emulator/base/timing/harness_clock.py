"""HarnessClock: a clock that tests move. It stands still, or ticks with the machine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from enum import Enum
from typing import Any, NamedTuple

from taskdock.base.timing.clock import SystemClock, to_milliseconds
from taskdock.base.timing.signal import Signal
from taskdock.base.timing.timers import ClockTimer, Timers

_GLANCE = 0.01  # seconds of real time until it is looked whether a busy thread has ended
_LIMIT = 30.0  # seconds of real time for what was due


class Mode(str, Enum):
    REAL = "real"
    """The clock ticks with the machine."""
    MANUAL = "manual"
    """The clock stands still until it is moved."""
    AUTO = "auto"
    """The clock stands still, and whoever waits for work moves it: see `tasks/agenda`."""


class _Time(NamedTuple):
    now: datetime
    passed: timedelta  # exact, so that many small steps are one large one
    anchor: float | None  # the machine's time at which that was true; None: it stands still


class HarnessClock:
    """A `Clock` whose mode may change at any time; for any thread.

    It never goes back, but by `set` and `begin_anew`. A change of mode moves it by nothing: a clock
    that has stood still ticks on from where it stood.
    """

    def __init__(
        self, mode: Mode = Mode.MANUAL, now: datetime | None = None, *, limit: float = _LIMIT
    ) -> None:
        """`now`: where it begins; None: at the machine's time. `limit`: seconds of real time that
        `jump` gives to what was due."""
        self._machine = SystemClock()
        self._start = now
        self._limit = limit
        self._mode = mode
        self._changed = threading.Condition()
        self._timers = Timers()
        self._waits: dict[threading.Thread, tuple[Signal, timedelta] | None] = {}
        """By thread that has ever waited: its signal and until when it waits; None: it works."""
        self._time = _Time(now or self._machine.now(), timedelta(0), self._anchor())

    # As any clock

    def now(self) -> datetime:
        return self._read().now

    def monotonic(self) -> float:
        return self._read().passed.total_seconds()

    def call_later(
        self,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
        callback: Callable[..., object],
        *arguments: Any,
    ) -> ClockTimer:
        timer = self._timers.add(self._due(seconds), loop, callback, arguments)
        self._arm(timer)
        return timer

    def wait(self, event: Signal, seconds: float) -> bool:
        thread = threading.current_thread()
        with self._changed:
            due = self._due(seconds)
            self._waits[thread] = event, due
            self._changed.notify_all()
        event.wait_or(lambda: self._left(due))
        with self._changed:
            self._waits[thread] = None
        return event.is_set()

    # Modes and moves

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        with self._changed:
            time = self._read()
            self._mode = mode
            self._time = time._replace(anchor=self._anchor())
            waits = list(filter(None, self._waits.values()))
        for event, _ in waits:
            event.nudge()
        for timer in self._timers.due(timedelta.max):
            self._arm_soon(timer)

    def move_to(self, moment: datetime, *, quietly: bool = False) -> None:
        """Lets time pass until `moment` in one jump, and returns at once. Threads whose waits are
        over go on, and timers that are due are called soon.

        `quietly`: nobody hears of it before the next move. Raises `ValueError` for a moment that
        has passed.
        """
        with self._changed:
            time = self._read()
            if moment < time.now:
                raise ValueError(f"{moment} has passed: it is {time.now}")
            self._pass(moment - time.now)
        if not quietly:
            self.announce()

    def announce(self) -> None:
        """Has those go on whose waits are over, after moves of which nobody has heard."""
        passed = self._read().passed
        with self._changed:
            over = [wait[0] for wait in self._waits.values() if wait and wait[1] <= passed]
        for event in over:
            event.nudge()
        for timer in self._timers.due(passed):
            timer.post()

    def set(self, now: datetime) -> None:
        """Changes the wall clock alone, as people do; nobody's wait is over by that."""
        with self._changed:
            self._time = self._read()._replace(now=now)

    def begin_anew(self) -> None:
        """Changes the wall clock alone: back to where it began, or forward to the machine's time.
        For a server that has just forgotten all that has a time."""
        self.set(self._start or self._machine.now())

    # For those who test loops and timers, without a server's agenda

    def jump(self, seconds: float) -> None:
        """Lets time pass at one stroke for threads, as when a laptop wakes from its sleep, and from
        one timer to the next for timers. A schedule of every five minutes runs once in
        `jump(3600)`.

        Returns when all that was due is done: each timer has been called, and each thread that was
        woken waits by this clock again, or has ended. Work that those threads have begun on others,
        such as the run of a task, goes on in real time. Raises `TimeoutError` where a thread does
        not wait again within the limit.
        """
        self.settle()  # a thread that has read the time and waits next would miss the change
        end = self._due(seconds)
        while timers := self._timers.due(end):
            self._pass_to(max(timers[0].due, self._read().passed))
            timers[0].run(self._limit)
        self._pass_to(end)
        self.announce()
        self.settle()

    def settle(self) -> None:
        """Returns when each thread that ever waited by this clock waits for what is still to come,
        or has ended. Raises `TimeoutError` after the limit."""
        give_up = self._machine.monotonic() + self._limit
        with self._changed:
            while busy := self._busy():
                if self._machine.monotonic() > give_up:
                    raise TimeoutError(
                        f"after {self._limit:g} s these threads are still busy: {', '.join(busy)}"
                    )
                self._changed.wait(_GLANCE)  # a thread that ends tells nobody

    @property
    def waiting(self) -> list[threading.Thread]:
        """The threads that wait by this clock."""
        with self._changed:
            return [thread for thread, wait in self._waits.items() if wait is not None]

    # The time

    def _read(self) -> _Time:
        time = self._time
        if time.anchor is None:
            return time
        machine = self._machine.monotonic()
        elapsed = timedelta(seconds=machine - time.anchor)
        return _Time(to_milliseconds(time.now + elapsed), time.passed + elapsed, machine)

    def _anchor(self) -> float | None:
        return self._machine.monotonic() if self._mode is Mode.REAL else None

    def _pass(self, seconds: timedelta) -> None:
        """Only with the lock."""
        time = self._read()
        self._time = time._replace(now=time.now + seconds, passed=time.passed + seconds)

    def _pass_to(self, moment: timedelta) -> None:
        with self._changed:
            self._pass(moment - self._read().passed)

    def _due(self, seconds: float) -> timedelta:
        return self._read().passed + timedelta(seconds=seconds)

    def _left(self, due: timedelta) -> float | None:
        """Seconds of real time until `due`; None: as many as it takes until it is moved."""
        time = self._read()
        left = (due - time.passed).total_seconds()
        return None if left > 0 and time.anchor is None else max(left, 0.0)

    # Threads and timers that wait

    def _busy(self) -> list[str]:
        me, passed = threading.current_thread(), self._read().passed
        self._waits = {thread: wait for thread, wait in self._waits.items() if thread.is_alive()}
        return [
            thread.name
            for thread, wait in self._waits.items()
            if thread is not me and (wait is None or wait[0].is_set() or wait[1] <= passed)
        ]

    def _arm(self, timer: ClockTimer) -> None:
        """On the thread of its loop: has it called in time while this clock ticks."""
        left = self._left(timer.due)
        if left == 0.0:
            timer.call()
        elif left is not None:
            timer.loop.call_later(left, self._arm, timer)

    def _arm_soon(self, timer: ClockTimer) -> None:
        try:
            timer.loop.call_soon_threadsafe(self._arm, timer)
        except RuntimeError:  # the loop is closed
            timer.cancel()
