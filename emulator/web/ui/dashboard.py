"""The dashboard put together: the parts that its pages show, and all of its views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.task_api.api import TaskApi
from taskdock.web.task_api.status import Report
from taskdock.web.ui.pages.events import EventPageViews
from taskdock.web.ui.pages.functions import FunctionListViews
from taskdock.web.ui.pages.harness import HarnessPageViews
from taskdock.web.ui.pages.now import NowViews
from taskdock.web.ui.pages.queue import QueueViews
from taskdock.web.ui.pages.run import RunPageViews
from taskdock.web.ui.pages.runs import RunListViews
from taskdock.web.ui.pages.system import SystemPageViews
from taskdock.web.ui.static_files import StaticViews
from taskdock.web.ui.stream.endpoint import StreamViews


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """The parts of a server that pages show, one field for each subject."""

    report: Report
    tasks: TaskApi
    harness: HarnessApi

    @property
    def views(self) -> Sequence[object]:
        """The objects whose methods are declared as endpoints."""
        return [
            StaticViews(),
            StreamViews(),
            NowViews(self.report, self.tasks),
            FunctionListViews(),
            RunListViews(self.tasks, self.harness),
            RunPageViews(self.tasks, self.harness),
            QueueViews(),
            EventPageViews(),
            HarnessPageViews(),
            SystemPageViews(),
        ]
