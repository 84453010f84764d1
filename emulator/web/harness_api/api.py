"""The endpoints of the test harness together, each subject with its object of views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from taskdock.tasks.agenda.driver import Driver
from taskdock.tasks.agenda.task_waits import TaskWaits
from taskdock.web.harness_api.clock import ClockViews
from taskdock.web.harness_api.waits import WaitViews


@dataclass(frozen=True, kw_only=True)
class HarnessApi:
    """The parts of a server that tests steer, one field for each subject."""

    driver: Driver
    waits: TaskWaits

    @property
    def views(self) -> Sequence[object]:
        """The objects whose methods are declared as endpoints."""
        return [ClockViews(self.driver), WaitViews(self.waits)]
