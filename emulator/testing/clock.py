"""ManualClock: a `HarnessClock` that begins at noon of a certain day and stands still."""

from __future__ import annotations

from datetime import datetime, timezone

from taskdock.base.timing.harness_clock import HarnessClock, Mode

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=timezone.utc)


class ManualClock(HarnessClock):
    """For tests of parts that know no server: they `jump`."""

    def __init__(self, now: datetime = NOON, *, limit: float = 30.0) -> None:
        super().__init__(Mode.MANUAL, now, limit=limit)
