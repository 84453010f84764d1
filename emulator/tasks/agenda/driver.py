"""The driver: moves a server's clock from one due moment to the next, in the order of due times.

So the times of tasks are exactly those at which they were due, and one batch has ended before the
next begins. Heartbeats, retention and other housekeeping are no moments to stop at: they hear of a
move at its end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from taskdock.base.errors import ClockIsReal, ClockSetBack, EndlessWait
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.base.timing.harness_clock import HarnessClock, Mode
from taskdock.base.timing.places import place
from taskdock.tasks.agenda import sentences
from taskdock.tasks.agenda.agenda import Agenda
from taskdock.tasks.agenda.mover import GLANCE, Mover

_AT_A_TIME = 8  # moves that wait for each other: each holds a thread that answers


class Driver:
    """For any thread. One move is made at a time."""

    def __init__(self, *, clock: Clock, mover: Mover) -> None:
        self._clock = clock
        self._mover = mover
        self._machine = SystemClock()
        self._moving = threading.Lock()
        self._places = threading.BoundedSemaphore(_AT_A_TIME)

    @property
    def agenda(self) -> Agenda:
        return self._mover.agenda

    @property
    def now(self) -> datetime:
        return self._clock.now()

    @property
    def mode(self) -> Mode:
        return self._clock.mode if isinstance(self._clock, HarnessClock) else Mode.REAL

    @property
    def is_movable(self) -> bool:
        """Whether the server was started with a clock that has modes."""
        return isinstance(self._clock, HarnessClock)

    def switch(self, mode: Mode) -> None:
        """Raises `ClockIsReal` where the server was started with the machine's own clock."""
        if not isinstance(self._clock, HarnessClock):
            raise ClockIsReal
        with self._moving:
            self._clock.mode = mode
        self._mover.wake()
        self._mover.listeners.tell()

    def close(self) -> None:
        """Ends all moves and waits, which raise `Unavailable`: the server stops."""
        self._mover.close()

    def advance(self, time: timedelta) -> None:
        """Lets so much time pass; see `move_to`."""
        with self._move() as clock:
            self._move_to(clock, clock.now() + time)

    def move_to(self, moment: datetime) -> None:
        """Lets time pass until `moment`. Returns when all that was due by then has ended.

        Raises `ClockIsReal` while the clock ticks by itself, `ClockSetBack` for a moment that has
        passed, `ClockRunsOn` after too many due moments, where the clock stands at one of them,
        `TooManyWaits` when many others wait for their move, and `Unavailable` where what is due
        cannot be run.
        """
        with self._move() as clock:
            self._move_to(clock, moment)

    def run_until_idle(self) -> None:
        """Lets time pass until nothing waits but schedules, which never end; those of their runs
        are made that come before. Raises what `move_to` raises."""
        with self._move() as clock:
            for _ in range(self._mover.jumps):
                if self._mover.settle().is_idle:
                    return
                self._mover.jump(clock, lambda look: None if look.is_idle else look.next)
            raise self._mover.runs_on()

    def until(self, condition: Callable[[], bool], limit: float, what: str) -> bool:
        """Waits until `condition` holds, `limit` seconds of real time at most; whether it does.

        In mode auto the clock is moved meanwhile, to one due moment after the other. `condition` is
        asked again after each change. Raises `EndlessWait`, with `what` is waited for, where
        that can never come true because nothing happens until the clock is moved, and `Unavailable`
        when the server stops.
        """
        give_up, jumps = self._machine.monotonic() + limit, 0
        with self._mover.listeners.listen() as signal:
            try:
                while not condition():
                    self._mover.check_open()
                    left = give_up - self._machine.monotonic()
                    if left <= 0:
                        return False
                    if self._step(condition, what):
                        jumps += 1
                        if jumps > self._mover.jumps:
                            raise self._mover.runs_on()
                    elif not signal.wait(min(left, GLANCE)) and self.mode is not Mode.REAL:
                        self._mover.wake()
                    signal.clear()
                return True
            finally:
                if jumps and isinstance(self._clock, HarnessClock):
                    self._clock.announce()

    # One at a time

    @contextmanager
    def _move(self) -> Iterator[HarnessClock]:
        clock = self._clock
        if not isinstance(clock, HarnessClock):
            raise ClockIsReal
        with place(self._places), self._moving:
            if clock.mode is Mode.REAL:
                raise ClockIsReal(sentences.TICKS)
            try:
                yield clock
            finally:
                clock.announce()

    def _move_to(self, clock: HarnessClock, target: datetime) -> None:
        now = clock.now()
        if target < now:
            raise ClockSetBack(sentences.set_back(target, now))
        for _ in range(self._mover.jumps):
            self._mover.settle()
            moved = self._mover.jump(clock, lambda look: min(look.next or target, target))
            if moved and clock.now() >= target:
                self._mover.settle()
                return
        raise self._mover.runs_on()

    def _step(self, condition: Callable[[], bool], what: str) -> bool:
        """For someone who waits: whether the clock was moved. Raises `EndlessWait`."""
        clock = self._clock
        if not isinstance(clock, HarnessClock) or not self._moving.acquire(blocking=False):
            return False  # somebody else moves it, if anybody does
        try:
            look, now = self.agenda.look(), clock.now()
            if clock.mode is Mode.REAL or look.is_busy(now):
                return False
            if condition():  # it has come true since it was asked, before all was quiet
                return False
            if clock.mode is Mode.AUTO and look.next is not None:
                return self._mover.jump(clock, lambda look: look.next)
            raise EndlessWait(sentences.stands_still(what, now, self.agenda.due()))
        finally:
            self._moving.release()
