"""The dashboard put together: the parts that its pages show, and all of its views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from taskdock.base.timing.clock import Clock
from taskdock.identity.directory import Directory
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.task_api.api import TaskApi
from taskdock.web.task_api.status import Report
from taskdock.web.ui.pages.doubles import DoublePageViews
from taskdock.web.ui.pages.events import EventPageViews
from taskdock.web.ui.pages.functions.function import FunctionPageViews
from taskdock.web.ui.pages.functions.function_list import FunctionListViews
from taskdock.web.ui.pages.functions.tries import FunctionTries
from taskdock.web.ui.pages.functions.try_it import TryItViews
from taskdock.web.ui.pages.harness import ClockPageViews, FaultPageViews, RecordingPageViews
from taskdock.web.ui.pages.now import NowViews
from taskdock.web.ui.pages.queue.schedules import SchedulePageViews
from taskdock.web.ui.pages.queue.tasks import QueueViews
from taskdock.web.ui.pages.run import RunPageViews
from taskdock.web.ui.pages.runs import RunListViews
from taskdock.web.ui.pages.sign_in import SignInViews
from taskdock.web.ui.pages.system import DoctorPageViews, ResetPageViews, SystemPageViews
from taskdock.web.ui.static_files import StaticViews
from taskdock.web.ui.stream.endpoint import StreamViews


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """The parts of a server that pages show, one field for each subject."""

    report: Report
    tasks: TaskApi
    harness: HarnessApi
    tries: FunctionTries
    clock: Clock
    directory: Directory
    password_file: Path
    """Where a first start writes the administrator's password to."""

    @property
    def views(self) -> Sequence[object]:
        """The objects whose methods are declared as endpoints."""
        return [
            StaticViews(),
            StreamViews(),
            SignInViews(self.directory, self.password_file),
            NowViews(self.report, self.harness),
            FunctionListViews(self.tasks, self.harness),
            FunctionPageViews(self.tasks, self.harness, self.report),
            TryItViews(self.tasks, self.harness, self.tries, self.clock),
            RunListViews(self.tasks, self.harness),
            RunPageViews(self.tasks, self.harness),
            QueueViews(self.report, self.tasks, self.harness),
            SchedulePageViews(self.tasks, self.harness),
            EventPageViews(self.tasks, self.harness),
            FaultPageViews(self.harness, self.harness.catalog),
            DoublePageViews(self.harness),
            RecordingPageViews(self.harness),
            ClockPageViews(self.harness),
            SystemPageViews(self.report, self.harness),
            DoctorPageViews(self.harness),
            ResetPageViews(self.harness),
        ]
