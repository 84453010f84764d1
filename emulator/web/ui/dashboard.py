"""The dashboard put together: the parts that its pages show, and all of its views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from taskdock.identity.directory import Directory
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.task_api.api import TaskApi
from taskdock.web.task_api.status import Report
from taskdock.web.ui.pages.events import EventPageViews
from taskdock.web.ui.pages.functions import FunctionListViews
from taskdock.web.ui.pages.harness import HarnessPageViews
from taskdock.web.ui.pages.now import NowViews
from taskdock.web.ui.pages.queue import QueueViews
from taskdock.web.ui.pages.runs import RunListViews
from taskdock.web.ui.pages.sign_in import SignInViews
from taskdock.web.ui.pages.system import SystemPageViews
from taskdock.web.ui.static_files import StaticViews
from taskdock.web.ui.stream.endpoint import StreamViews


@dataclass(frozen=True, kw_only=True)
class Dashboard:
    """The parts of a server that pages show, one field for each subject."""

    report: Report
    tasks: TaskApi
    harness: HarnessApi
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
            NowViews(self.report, self.tasks),
            FunctionListViews(),
            RunListViews(),
            QueueViews(),
            EventPageViews(),
            HarnessPageViews(),
            SystemPageViews(),
        ]
