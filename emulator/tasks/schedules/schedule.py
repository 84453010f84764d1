"""A schedule, and when its runs are: at its start and whole intervals later, never else. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

SHORTEST, LONGEST = 0.1, 315_360_000.0  # seconds that an interval may be: 100 ms to ten years


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """A wish to run a function again and again; `next_timestamp` is the run that is not made yet.

    Its interval is a whole number of milliseconds, the resolution of every moment here.
    """

    id: str
    function_name: str
    interval: timedelta
    data: dict[str, Any] | None = None
    priority: int | None = None
    start_timestamp: datetime
    next_timestamp: datetime
    creation_timestamp: datetime
    update_timestamp: datetime


def due_run(schedule: Schedule, now: datetime) -> datetime | None:
    """The run to make now; of several that were missed, the latest alone. None: it is not due."""
    if now < schedule.next_timestamp:
        return None
    return next_run(schedule, now) - schedule.interval


def next_runs(schedule: Schedule, count: int) -> list[datetime]:
    """The next runs, so many at most: a schedule has no end, but time here has."""
    runs: list[datetime] = []
    try:
        while len(runs) < count:
            runs.append(schedule.next_timestamp + len(runs) * schedule.interval)
    except OverflowError:
        pass
    return runs


def next_run(schedule: Schedule, after: datetime) -> datetime:
    """The first run later than `after`, counted from the start, so that nothing adds up."""
    if after < schedule.start_timestamp:
        return schedule.start_timestamp
    passed = (after - schedule.start_timestamp) // schedule.interval
    return schedule.start_timestamp + (passed + 1) * schedule.interval
