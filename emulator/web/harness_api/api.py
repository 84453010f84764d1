"""The endpoints of the test harness together, each subject with its object of views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from taskdock.tasks.retention.reset import Reset
from taskdock.web.doubles.fall_through import DoubleParts
from taskdock.web.harness_api.doubles import DoubleViews
from taskdock.web.harness_api.reset import ResetViews


@dataclass(frozen=True, kw_only=True)
class HarnessApi:
    """The parts of a server that tests steer, one field for each subject."""

    reset: Reset
    doubles: DoubleParts
    switch_clock: Callable[[str], object] | None = None
    """Gives the server's clock a mode; None: it has only one."""

    @property
    def views(self) -> Sequence[object]:
        """The objects whose methods are declared as endpoints."""
        return [ResetViews(self.reset, self.switch_clock), DoubleViews(self.doubles)]
