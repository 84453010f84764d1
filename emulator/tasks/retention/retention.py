"""Retention: removes what is older than the days to keep, and the oldest of too large a database.

It works beside the calls: a piece at a time, each a short transaction, with pauses four times as
long. Work that has not ended stays, and so does work that has ended a moment ago, for its callers.
The pages of removed rows are used again; the file itself does not get smaller.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from taskdock.base.health import Health
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.base.timing.loop import Loop
from taskdock.store import size
from taskdock.store.database import Store
from taskdock.store.size import Size
from taskdock.tasks.retention import retained
from taskdock.tasks.retention.retained import KINDS, RecordKind

MIB = 1024 * 1024  # bytes
TROUBLE = "retention"
LINES = "logLines"
NAMES = (*dict.fromkeys(kind.name for kind in KINDS), LINES)
"""The kinds of rows that are counted when they are removed, as `/status` calls them."""
_ROUND = 10.0  # seconds between two looks when there is nothing to do
_PIECE = 200  # rows
_LOOK = 500  # log lines
_LONG = 0.02  # seconds from which on a transaction takes no further row
_SHORTEST_PAUSE = 0.01  # seconds
_REST = 4  # times as long as a piece has taken is the pause after it
_CHECKPOINT = 20  # pieces
_MOMENT = timedelta(minutes=1)  # that anything is kept, whatever the size
_PATIENCE = timedelta(minutes=1)  # twice what an invocation or API request waits for room
_JUMP = 3600.0  # seconds; a clock that was set by more is not believed at once
_MISTRUST = 600.0  # seconds


@dataclass(frozen=True)
class Stored:
    """The counts and sizes that are kept at the moment."""

    size: Size
    limit: int  # bytes; 0: none
    days: float  # 0: without an end
    oldest: datetime | None
    removed: dict[str, int]  # since the start, by the names in `/status`


class Retention(Loop):
    name = "retention"

    def __init__(
        self,
        *,
        store: Store,
        days: float,
        megabytes: int,
        longest: Callable[[], float],
        unwritten: Callable[[], Collection[str]],
        sweep: Callable[[], None],
        clock: Clock,
        health: Health,
        notices: Notices,
    ) -> None:
        """`days` and `megabytes` are kept, 0: all. `longest`: seconds that a function may run.
        `unwritten`: the owners of log lines whose own rows are still to be written.

        `sweep` removes what lies beside the database and is of no more use; it is called now and
        then.
        """
        super().__init__(clock, notices)
        self._real = SystemClock()  # how long the disk takes is real time, whatever `clock` says
        self._store = store
        self._days = days
        self._limit = megabytes * MIB
        self._longest_of = longest
        self._unwritten = unwritten
        self._longest = timedelta(0)  # of all that were seen: a function that is gone may run on
        self._sweep = sweep
        self._health = health
        self._offset = self._clock_offset()
        self._mistrusted_until = 0.0
        self._removed: Counter[str] = Counter()
        self._unfinished: deque[str] = deque()  # owners that are gone, and not all their lines
        self._looked_through = 0  # the log line up to which the lines have owners
        self._pieces = 0

    def report(self) -> Stored:
        """For any thread."""
        return Stored(
            size=size.measure(self._store),
            limit=self._limit,
            days=self._days,
            oldest=retained.oldest_kept(self._store),
            removed={name: self._removed[name] for name in NAMES},
        )

    def run_once(self) -> float:
        """Removes one piece, and after a rest asks to be called again at once if there was one."""
        began = self._real.monotonic()
        try:
            busy = self._remove_piece(self._clock.now())
        except Exception as error:
            reason = f"old rows cannot be removed, so the database grows: {error}"
            self._health.report(TROUBLE, reason, degraded=True)
            raise
        if not busy:
            size.keep_log_small(self._store)
            self._sweep()
            return _ROUND
        self._pieces += 1
        if self._pieces % _CHECKPOINT == 0:
            size.checkpoint(self._store)
        # A disk is given its rest in real time, whatever the clock says.
        self._stopping.wait(max((self._real.monotonic() - began) * _REST, _SHORTEST_PAUSE))
        return 0.0

    def _remove_piece(self, now: datetime) -> bool:
        self._longest = max(self._longest, timedelta(seconds=self._longest_of()))
        if self._unfinished:
            self._remove_lines()
            return True
        if old := self._too_old(now):
            self._remove(*old)
            return True
        if old := self._too_much(now):
            self._remove(*old, until=lambda: not self._is_too_large())
            return True
        return self._look_for_lost_lines(now)

    def _too_old(self, now: datetime) -> tuple[RecordKind, list[list[str]]] | None:
        if not self._days or self._clock_was_set():
            return None
        before = now - timedelta(days=self._days)
        for kind in KINDS:
            if found := retained.ended(self._store, kind, self._floor(kind, before, now), _PIECE):
                return kind, found
        return None

    def _too_much(self, now: datetime) -> tuple[RecordKind, list[list[str]]] | None:
        if not self._is_too_large():
            self._health.clear(TROUBLE)
            return None
        oldest: dict[RecordKind, datetime] = {}
        for kind in KINDS:
            found = retained.oldest(self._store, kind, self._floor(kind, now, now))
            if found is not None:
                oldest[kind] = found
        if not oldest:
            self._health.report(TROUBLE, _too_large(self._limit), degraded=True)
            return None
        kind = min(oldest, key=oldest.__getitem__)
        return kind, retained.ended(self._store, kind, self._floor(kind, now, now), _PIECE)

    def _is_too_large(self) -> bool:
        return 0 < self._limit < size.measure(self._store).used

    def _floor(self, kind: RecordKind, before: datetime, now: datetime) -> datetime:
        """`before`, or earlier: what began later may run, or be looked at by who waits for it."""
        return min(before, now - (self._may_take() if kind.may_run else _MOMENT))

    def _may_take(self) -> timedelta:
        return self._longest + _PATIENCE

    def _remove(
        self, kind: RecordKind, groups: list[list[str]], until: Callable[[], bool] = lambda: False
    ) -> None:
        """As many as a short transaction takes, or `until` is true. The rows go before their lines:
        a reader finds either both or, by the row, nothing."""
        end = self._real.monotonic() + _LONG
        removed: Counter[str] = Counter()
        unfinished: list[str] = []
        with self._store.transaction():
            for ids in groups:
                retained.remove(self._store, kind, ids)
                removed[kind.name] += len(ids)
                for owner in ids:
                    lines = retained.remove_lines(self._store, owner)
                    removed[LINES] += lines
                    if lines == retained.LINES:
                        unfinished.append(owner)
                if self._real.monotonic() >= end or until():
                    break
        self._unfinished.extend(unfinished)
        self._removed.update(removed)

    def _remove_lines(self) -> None:
        until = self._real.monotonic() + _LONG
        removed, done = 0, False
        with self._store.transaction():
            while not done and removed < _LOOK and self._real.monotonic() < until:
                lines = retained.remove_lines(self._store, self._unfinished[0])
                removed += lines
                done = lines < retained.LINES
        if done:
            self._unfinished.popleft()
        self._removed[LINES] += removed

    def _look_for_lost_lines(self, now: datetime) -> bool:
        """Each line is looked at once, when its owner's row must have been written, or waits for a
        database that cannot be."""
        if self._clock_was_set():  # what still runs may seem to have begun long ago
            return False
        before, waiting = now - self._may_take(), self._unwritten()
        if retained.last_line(self._store) < self._looked_through:
            self._looked_through = 0  # all were removed, and numbers begin again
        seen, unknown = retained.lost_lines(self._store, self._looked_through, before, _LOOK)
        busy, self._looked_through = seen > self._looked_through, seen
        self._unfinished.extend(owner for owner in unknown if owner not in waiting)
        return busy

    def _clock_was_set(self) -> bool:
        """For a while after it was: what is a year old by a wrong clock is none to remove."""
        offset, moment = self._clock_offset(), self._clock.monotonic()
        if abs(offset - self._offset) > _JUMP:
            self._mistrusted_until = moment + _MISTRUST
        self._offset = offset
        return moment < self._mistrusted_until

    def _clock_offset(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()


def _too_large(limit: int) -> str:
    return (
        f"the database holds more than the {limit / MIB:.0f} MB of --keep-mb, and nothing in it has"
        " ended longer than a moment ago: look at what waits, or keep more"
    )
