"""The idle reaper: freezes environments that idle, retires those that have idled for long.

In each round it also has containers prewarmed, which waits for the same quiet moments.
"""

from __future__ import annotations

from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.limits import Limits
from taskdock.base.timing.loop import Loop
from taskdock.lambdas.pool.pool import Pool


class IdleReaper(Loop):
    name = "idle-reaper"

    def __init__(
        self,
        *,
        pool: Pool,
        freeze_after: float,
        retire_after: float,
        clock: Clock,
        limits: Limits,
        notices: Notices,
    ) -> None:
        """`freeze_after` and `retire_after`: seconds that an environment has idled."""
        super().__init__(clock, notices)
        self._pool = pool
        self._freeze_after = freeze_after
        self._retire_after = retire_after
        self._round = limits.idle_round

    def run_once(self) -> float:
        self._pool.retire_idle(self._retire_after)
        self._pool.freeze_idle(self._freeze_after)
        self._pool.prewarm(self._retire_after)
        return self._round
