"""The endpoints of the test harness together, each subject with its object of views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.invoke.fault_list import FaultList
from taskdock.lambdas.pool.debugging.sessions import DebugSessions
from taskdock.tasks.agenda.driver import Driver
from taskdock.tasks.agenda.task_waits import TaskWaits
from taskdock.tasks.retention.reset import Reset
from taskdock.tasks.runs.activity import Activity
from taskdock.tasks.runs.family import Families
from taskdock.tasks.runs.history import RunHistory
from taskdock.tasks.runs.replay import Replay
from taskdock.web.doubles.fall_through import DoubleParts
from taskdock.web.harness_api.clock import ClockViews
from taskdock.web.harness_api.code import CodeViews
from taskdock.web.harness_api.debug import DebugViews
from taskdock.web.harness_api.doubles import DoubleViews
from taskdock.web.harness_api.faults import FaultViews
from taskdock.web.harness_api.observing.activity import ActivityViews
from taskdock.web.harness_api.observing.deliveries import DeliveryParts, DeliveryViews
from taskdock.web.harness_api.observing.functions import FunctionReport, FunctionReportViews
from taskdock.web.harness_api.observing.glances import Glances, GlanceViews
from taskdock.web.harness_api.observing.queue import LineupParts, LineupViews
from taskdock.web.harness_api.observing.runs import RunViews
from taskdock.web.harness_api.observing.schedules import ScheduleRunParts, ScheduleRunViews
from taskdock.web.harness_api.observing.server.doctor import DoctorViews, Examiner
from taskdock.web.harness_api.observing.server.notices import KeptNotices, NoticeViews
from taskdock.web.harness_api.observing.server.system import SystemReport, SystemViews
from taskdock.web.harness_api.observing.waits import WaitViews
from taskdock.web.harness_api.reset import ResetViews


@dataclass(frozen=True, kw_only=True)
class HarnessApi:
    """The parts of a server that tests steer, one field for each subject."""

    reset: Reset
    doubles: DoubleParts
    history: RunHistory
    replay: Replay
    faults: FaultList
    driver: Driver
    waits: TaskWaits
    debug_sessions: DebugSessions
    catalog: Catalog
    system: SystemReport
    notices: KeptNotices
    examiner: Examiner
    is_served: bool
    """Whether programs on this machine may steer the server."""
    glances: Glances
    functions: FunctionReport
    lineup: LineupParts
    schedule_runs: ScheduleRunParts
    deliveries: DeliveryParts
    activity: Activity
    families: Families

    @property
    def views(self) -> Sequence[object]:
        """The objects whose methods are declared as endpoints."""
        return [
            ResetViews(self.reset, self.driver),
            DoubleViews(self.doubles),
            FaultViews(self.faults),
            RunViews(self.history, self.replay),
            ClockViews(self.driver),
            WaitViews(self.waits),
            DebugViews(self.debug_sessions),
            CodeViews(self.catalog),
            SystemViews(self.system),
            NoticeViews(self.notices),
            DoctorViews(self.examiner),
            GlanceViews(self.glances),
            FunctionReportViews(self.functions),
            LineupViews(self.lineup),
            ScheduleRunViews(self.schedule_runs),
            DeliveryViews(self.deliveries),
            ActivityViews(self.activity, self.families),
        ]
