"""The driver: moves a server's clock from one due moment to the next, in the order of due times.

The clock stands at a moment until all that is due then has ended and is written, with what that has
made due at the same moment; only then does it go on. So the times of tasks are exactly those at
which they were due. Heartbeats, retention and other housekeeping are no moments to stop at: they
hear of a move at its end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from taskdock.base.errors import (
    ClockIsReal,
    ClockRunsOn,
    ClockSetBack,
    ClockStandsStill,
    Unavailable,
)
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.base.timing.harness_clock import HarnessClock, Mode
from taskdock.store.database import Store
from taskdock.tasks.agenda import sentences
from taskdock.tasks.agenda.agenda import Agenda, Look, Work
from taskdock.tasks.agenda.listeners import Listeners
from taskdock.tasks.work.poller import Poller

_GLANCE = 1.0  # seconds of real time: pollers that have failed are woken again after it


class Driver:
    """For any thread. One move is made at a time."""

    def __init__(
        self,
        *,
        clock: Clock,
        agenda: Agenda,
        store: Store,
        pollers: Mapping[Work, Poller[Any, Any]],
        trouble: Callable[[], str | None],
        jumps: int,
    ) -> None:
        """`pollers`: who does each kind of work. `trouble`: the reason why nothing can be run now.
        `jumps`: the maximum number of moments that one move stops at."""
        self._clock = clock
        self.agenda = agenda
        self._store = store
        self._pollers = pollers
        self._trouble = trouble
        self._jumps = jumps
        self._machine = SystemClock()
        self._moving = threading.Lock()
        self._listeners = Listeners()
        self._made = 0  # tasks, so far
        for poller in pollers.values():
            poller.on_turn(self.changed)

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
        self._clock.mode = mode
        self._wake()
        self.changed()

    # Moves

    def advance(self, time: timedelta) -> None:
        """Lets so much time pass; see `move_to`."""
        with self._move() as clock:
            self._move_to(clock, clock.now() + time)

    def move_to(self, moment: datetime) -> None:
        """Lets time pass until `moment`. Returns when all that was due by then has ended.

        Raises `ClockIsReal` while the clock ticks by itself, `ClockSetBack` for a moment that has
        passed, `ClockRunsOn` after too many due moments, where the clock stands at one of them, and
        `Unavailable` where what is due cannot be run.
        """
        with self._move() as clock:
            self._move_to(clock, moment)

    def run_until_idle(self) -> None:
        """Lets time pass until nothing waits but schedules, which never end; those of their runs
        are made that come before. Raises what `move_to` raises."""
        with self._move() as clock:
            for _ in range(self._jumps):
                look = self._settle()
                if look.is_idle:
                    return
                self._jump(clock, lambda look: None if look.is_idle else look.next)
            raise self._runs_on()

    def until(self, condition: Callable[[], bool], limit: float, what: str) -> bool:
        """Waits until `condition` holds, `limit` seconds of real time at most; whether it does.

        In mode auto the clock is moved meanwhile, to one due moment after the other. `condition` is
        asked again after each change. Raises `ClockStandsStill`, with `what` is waited for, where
        that can never come true because nothing happens until the clock is moved.
        """
        give_up, jumps = self._machine.monotonic() + limit, 0
        with self._listeners.listen() as signal:
            try:
                while not condition():
                    left = give_up - self._machine.monotonic()
                    if left <= 0:
                        return False
                    if self._step(what):
                        jumps += 1
                        if jumps > self._jumps:
                            raise self._runs_on()
                    elif not signal.wait(min(left, _GLANCE)):
                        self._wake()
                    signal.clear()
                return True
            finally:
                if jumps and isinstance(self._clock, HarnessClock):
                    self._clock.announce()

    def changed(self) -> None:
        """Has those who wait here look again: something has begun, ended or been made."""
        self._listeners.tell()

    def task_made(self) -> None:
        self._made += 1

    # One at a time

    @contextmanager
    def _move(self) -> Iterator[HarnessClock]:
        clock = self._clock
        if not isinstance(clock, HarnessClock):
            raise ClockIsReal
        if clock.mode is Mode.REAL:
            raise ClockIsReal(sentences.TICKS)
        with self._moving:
            try:
                yield clock
            finally:
                clock.announce()

    def _move_to(self, clock: HarnessClock, target: datetime) -> None:
        now = clock.now()
        if target < now:
            raise ClockSetBack(sentences.set_back(target, now))
        for _ in range(self._jumps):
            self._settle()
            if not self._jump(clock, lambda look: min(look.next or target, target)):
                continue
            if clock.now() >= target:
                self._settle()
                return
        raise self._runs_on()

    def _jump(self, clock: HarnessClock, choose: Callable[[Look], datetime | None]) -> bool:
        """Moves the clock; False: something has begun since it was looked.

        Nobody writes meanwhile, so what is made is made before the move, or at the new time."""
        with self._store.transaction():
            look, now = self.agenda.look(), clock.now()
            moment = choose(look)
            if look.is_busy(now) or moment is None:
                return False
            clock.move_to(max(moment, now), quietly=True)
        self._wake(look.due(clock.now()))
        return True

    def _settle(self) -> Look:
        """The agenda, when nothing runs and nothing is due."""
        made = self._made
        with self._listeners.listen() as signal:
            while self._made - made <= self._jumps:
                look = self.agenda.look()
                if not look.is_busy(self._clock.now()):
                    return look
                reason = None if look.running else self._trouble()
                if reason is not None:
                    raise Unavailable(f"what is due cannot be run: {reason}")
                if not signal.wait(_GLANCE):
                    self._wake()
                signal.clear()
        raise self._runs_on()

    def _step(self, what: str) -> bool:
        """For someone who waits: whether the clock was moved. Raises `ClockStandsStill`."""
        clock = self._clock
        if not isinstance(clock, HarnessClock) or clock.mode is Mode.REAL:
            return False
        if not self._moving.acquire(blocking=False):
            return False  # somebody moves it
        try:
            look = self.agenda.look()
            if look.is_busy(clock.now()):
                return False
            if clock.mode is Mode.AUTO and look.next is not None:
                return self._jump(clock, lambda look: look.next)
            now = clock.now()
            raise ClockStandsStill(sentences.stands_still(what, now, self.agenda.due()))
        finally:
            self._moving.release()

    def _runs_on(self) -> ClockRunsOn:
        now = self._clock.now()
        return ClockRunsOn(sentences.runs_on(self._jumps, now, self.agenda.due()))

    def _wake(self, works: Iterable[Work] = Work) -> None:
        """Has the pollers look; when one has failed, it waits by a clock that may stand still."""
        if self.mode is not Mode.REAL:
            for work in works:
                self._pollers[work].wake()
