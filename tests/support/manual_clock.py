"""ManualClock: a clock that stands still until a test moves it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)


class ManualClock:
    """`set` changes the wall clock alone, as people do; `advance` lets time pass."""

    def __init__(self, now: datetime = NOON) -> None:
        self._now = now
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._monotonic

    def set(self, now: datetime) -> None:
        self._now = now

    def advance(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds
