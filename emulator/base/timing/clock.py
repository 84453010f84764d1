"""Time: the only module that reads a clock.

Code takes a `Clock` so that tests can hand in one that stands still. Wall-clock times are
timezone-aware UTC datetimes cut to milliseconds, the Task Service's resolution.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from typing import Protocol

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)


class Clock(Protocol):
    def now(self) -> datetime:
        """The wall-clock time, UTC, in whole milliseconds."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""


class SystemClock:
    def now(self) -> datetime:
        return to_milliseconds(datetime.now(timezone.utc))

    def monotonic(self) -> float:
        return time.monotonic()


def to_milliseconds(moment: datetime) -> datetime:
    """`moment` with anything finer than a millisecond cut off."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def to_iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z: 2026-01-02T03:04:05.678Z."""
    if moment.tzinfo is not timezone.utc:
        moment = moment.astimezone(timezone.utc)
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"


def to_epoch(moment: datetime) -> int:
    """Milliseconds since 1970; exact, so that what is read back equals what was written."""
    return (moment - _EPOCH) // _MILLISECOND


def from_epoch(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
