"""Freezes environments that idle, retires those that have idled for long, prewarms others."""

from __future__ import annotations

from emulator.base.notices import Notices
from emulator.base.timing.clock import Clock
from emulator.base.timing.loop import Loop
from emulator.lambdas.pool.pool import Pool

_ROUND = 1.0  # seconds


class IdleReaper(Loop):
    name = "keeper"

    def __init__(
        self,
        *,
        pool: Pool,
        freeze_after: float,
        retire_after: float,
        clock: Clock,
        notices: Notices,
    ) -> None:
        """Both are seconds that an environment has idled."""
        super().__init__(clock, notices)
        self._pool = pool
        self._freeze_after = freeze_after
        self._retire_after = retire_after

    def run_once(self) -> float:
        self._pool.retire_idle(self._retire_after)
        self._pool.freeze_idle(self._freeze_after)
        self._pool.make_up_stock(self._retire_after)
        return _ROUND
