"""The mover: one jump of a server's clock, and the wait until all that is due then has ended.

The clock stands at a moment until all that is due is done and written, with what that has made due
at the same moment. At each moment the runs of schedules are made first, so that their tasks compete
with those that wait already, by priority.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from taskdock.base.errors import ClockRunsOn, Unavailable
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.harness_clock import HarnessClock
from taskdock.store.database import Store
from taskdock.tasks.agenda import sentences
from taskdock.tasks.agenda.agenda import Agenda, Look, Work
from taskdock.tasks.agenda.listeners import Listeners
from taskdock.tasks.work.poller import Poller

GLANCE = 1.0
"""Seconds of real time after which pollers are woken again: one that has failed waits by a clock
that may stand still."""
_FOR_A_TURN = 15.0  # seconds that a poller may wait for the database, and then some


class Mover:
    """For one thread at a time, but for `task_made`."""

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
        self.agenda = agenda
        self.jumps = jumps
        self.listeners = Listeners()
        self._clock = clock
        self._store = store
        self._pollers = pollers
        self._trouble = trouble
        self._made = 0  # tasks, so far
        self._closed = False
        for poller in pollers.values():
            poller.on_turn(self.listeners.tell)

    def task_made(self) -> None:
        """For any thread."""
        self._made += 1

    def close(self) -> None:
        """Ends all moves and waits; for any thread."""
        self._closed = True
        self.listeners.tell()

    def check_open(self) -> None:
        """Raises `Unavailable` once it is closed."""
        if self._closed:
            raise Unavailable("the server is stopping, and its clock is not moved any more")

    def jump(self, clock: HarnessClock, choose: Callable[[Look], datetime | None]) -> bool:
        """Moves the clock to the moment that `choose` says; False: there is none, or something has
        begun in between. Nobody hears of the move but whose work is due."""
        worker = self._pollers[Work.TASK]
        worker.hold(_FOR_A_TURN)
        try:
            # Nobody writes meanwhile: work that is made is seen here, or by the next look.
            with self._store.transaction():
                look, now = self.agenda.look(), clock.now()
                moment = choose(look)
                if look.is_busy(now) or moment is None:
                    return False
                clock.move_to(max(moment, now), quietly=True)
            due = look.due(clock.now())
            self.wake(due)
            if Work.SCHEDULE in due:
                self._await(lambda look: not look.makes_runs(clock.now()))
        finally:
            worker.go_on()
        return True

    def settle(self) -> Look:
        """The agenda, when nothing runs and nothing is due. Raises `Unavailable` where what is due
        cannot be run, and `ClockRunsOn` where that has no end."""

        def is_settled(look: Look) -> bool:
            reason = None if look.running else self._trouble()
            busy = look.is_busy(self._clock.now())
            if busy and reason is not None:
                raise Unavailable(f"what is due cannot be run: {reason}")
            return not busy

        return self._await(is_settled)

    def wake(self, works: Iterable[Work] = Work) -> None:
        for work in works:
            self._pollers[work].wake()

    def runs_on(self) -> ClockRunsOn:
        now = self._clock.now()
        return ClockRunsOn(sentences.runs_on(self.jumps, now, self.agenda.due()))

    def _await(self, condition: Callable[[Look], bool]) -> Look:
        """The agenda, when `condition` holds of it."""
        made = self._made
        with self.listeners.listen() as signal:
            while not condition(look := self.agenda.look()):
                self.check_open()
                if self._made - made > self.jumps:
                    raise self.runs_on()
                if not signal.wait(GLANCE):
                    self.wake()
                signal.clear()
        return look
