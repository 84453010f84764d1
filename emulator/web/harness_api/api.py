"""The endpoints of the test harness together, each subject with its object of views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from taskdock.web.doubles.fall_through import DoubleParts
from taskdock.web.harness_api.doubles import DoubleViews


@dataclass(frozen=True, kw_only=True)
class HarnessApi:
    """The parts of a server that tests steer, one field for each subject."""

    doubles: DoubleParts

    @property
    def views(self) -> Sequence[object]:
        """The objects whose methods are declared as endpoints."""
        return [DoubleViews(self.doubles)]
