"""Poller: the one loop of all claimed work: claim what is due, begin it, write how it ended.

One thread does it, in turns. The endings since the last turn and the claims for their places are
one transaction: under load many pieces of work share a commit, and an idle server reacts at
once. Nothing is claimed while all places are taken, or while the work is held.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Generic, TypeVar

from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.base.timing.loop import LONGEST_PAUSE, Loop, until

Work = TypeVar("Work")
Result = TypeVar("Result")


class Poller(Loop, Generic[Work, Result]):
    """Subclasses say what work is and how it ends: `Work` is claimed, `Result` is a piece of work
    that has ended, with what became of it."""

    def __init__(
        self,
        *,
        places: int,
        clock: Clock,
        notices: Notices,
        held: Callable[[], bool] = lambda: False,
    ) -> None:
        """`places`: how many pieces of work may be under way side by side. `held`: whether nothing
        may be claimed for now; whoever ends that wakes this loop."""
        super().__init__(clock, notices)
        self._places = places
        self._held = held
        self._ended: deque[Result] = deque()  # filled by other threads
        self._busy = 0  # places of work that was begun and has not been taken from `_ended`
        self._on_turn: Callable[[], object] = lambda: None
        self._turns = threading.RLock()  # of who claims and begins, or writes endings
        self._holds = 0
        self._holding = threading.Lock()

    @property
    def places(self) -> tuple[int, int]:
        """How many there are, and how many of them are taken."""
        return self._places, self._busy

    # For subclasses

    def claim(self, now: datetime, limit: int) -> Sequence[Work]:
        """Claims up to `limit` pieces of work that are due; part of a transaction that is open."""
        raise NotImplementedError

    def begin(self, work: Work, ended: Callable[[Result], None]) -> None:
        """Begins it. `ended` is to be called once, on any thread, and does not block. Raises
        nothing: whatever goes wrong is a result."""
        raise NotImplementedError

    def settling(self, results: Sequence[Result]) -> AbstractContextManager[object]:
        """A transaction that writes how work ended, each ending fenced by its claim, and takes in
        what is done inside. Notices are published when it is committed."""
        raise NotImplementedError

    def keep(self, result: Result, problem: Exception) -> None:
        """Has an ending written later that could not be written now, because of `problem`."""
        raise NotImplementedError

    def next_due(self) -> datetime | None:
        """The time at which the earliest work that nobody holds is or was due."""
        raise NotImplementedError

    def bring_forward(self) -> int:
        """Has work be due that a clock which was set back keeps waiting; how many pieces."""
        return 0

    def idle(self) -> None:
        """Called when nothing more is due."""

    def settle_all(self, results: Sequence[Result]) -> None:
        """Writes how work ended; raises when that cannot be written."""
        with self.settling(results):
            pass

    # The loop

    def run_once(self) -> float:
        while True:
            with self._turns:
                ended = self._take_ended()
                held = self._holds > 0 or self._held()
                free = 0 if held else self._places - self._busy  # with the places of these
                claimed = self._turn(ended, free)
                self._begin_all(claimed)
            self._on_turn()
            if not self._ended or self._stopping.is_set():
                return self._pause(all_claimed=len(claimed) < free)

    def _begin_all(self, claimed: Sequence[Work]) -> None:
        """Begins all of it, whatever becomes of one: its place is free again, and the next start
        gives its claim back. Raises the first exception, for the loop to report."""
        problem: Exception | None = None
        for work in claimed:
            self._busy += 1
            try:
                self.begin(work, self._note_end)
            except Exception as error:
                self._busy -= 1
                problem = problem or error
        if problem is not None:
            raise problem

    def stop(self) -> None:
        """Also writes the endings up to then."""
        super().stop()
        self._turn(self._take_ended(), 0)

    def on_turn(self, told: Callable[[], object]) -> None:
        """Has `told` called on this loop's thread after each turn; it may not block."""
        self._on_turn = told

    def hold(self, limit: float) -> bool:
        """From now on nothing is claimed until `go_on`, which is to follow each hold; what was
        claimed has begun when this returns. False: a turn has not ended within `limit` seconds, and
        is its last."""
        with self._holding:
            self._holds += 1
        if not self._turns.acquire(timeout=limit):
            return False
        self._turns.release()
        return True

    def go_on(self) -> None:
        with self._holding:
            self._holds -= 1
        self.wake()

    def write_ended(self) -> None:
        """Writes the endings up to now, on the caller's thread."""
        with self._turns:
            self._turn(self._take_ended(), 0)

    @property
    def is_busy(self) -> bool:
        """Whether work is under way."""
        return self._busy > 0

    def await_idle(self, limit: float) -> bool:
        """For a poller that has stopped: waits `limit` seconds at most until nothing is under way.

        The caller's thread writes the endings meanwhile.
        """
        clock = SystemClock()  # a clock that stands still would wait for ever
        deadline = clock.monotonic() + limit
        while True:
            self._wake.clear()
            self._turn(self._take_ended(), 0)
            if not self._busy:
                return True
            left = deadline - clock.monotonic()
            if left <= 0:
                return False
            self._wake.wait(left)

    def _note_end(self, result: Result) -> None:
        """On any thread; never blocks."""
        self._ended.append(result)
        self.wake()

    def _take_ended(self) -> list[Result]:
        ended = [self._ended.popleft() for _ in range(len(self._ended))]
        self._busy -= len(ended)
        return ended

    def _turn(self, ended: Sequence[Result], free: int) -> Sequence[Work]:
        """Writes endings and claims in their places. Endings that cannot be written as a whole are
        kept one by one: none of them holds up another, or this thread."""
        if ended:
            try:
                with self.settling(ended):
                    return self._claim(free)
            except Exception as problem:
                for result in ended:
                    self.keep(result, problem)
        return self._claim(free)

    def _claim(self, free: int) -> Sequence[Work]:
        return self.claim(self._clock.now(), free) if free else ()

    def _pause(self, *, all_claimed: bool) -> float:
        """Seconds until the next turn. Work that is due and was not claimed waits for an ending."""
        if not all_claimed:
            return LONGEST_PAUSE
        now = self._clock.now()
        due = self.next_due()
        if due is not None and due > now and self.bring_forward():
            return 0.0
        self.idle()
        return until(due, now)
