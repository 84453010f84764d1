"""/taskdock/schedules: schedules with their next runs and the latest result, and runs by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypedDict

from taskdock.base import errors
from taskdock.base.strict_json import IsoTime, SchemaPart, present
from taskdock.base.timing.clock import to_iso
from taskdock.tasks.model import task_json
from taskdock.tasks.model.task_json import TaskJson
from taskdock.tasks.schedules.last_runs import LastRun, LastRuns
from taskdock.tasks.schedules.schedule import Schedule, next_runs
from taskdock.tasks.schedules.schedule_json import ScheduleJson, to_json
from taskdock.tasks.schedules.scheduler import Scheduler
from taskdock.tasks.schedules.schedules import Schedules
from taskdock.web.common.descriptions import BY_ID
from taskdock.web.harness_api.endpoint import endpoint
from taskdock.web.harness_api.observing.parameters import parameter, whole

USUAL, MOST = 50, 200  # schedules in an answer
_RUNS = 5  # that are to come, of each


class LastRunJson(TypedDict):
    timestamp: IsoTime
    task: Annotated[TaskJson, SchemaPart(description="its latest attempt, while it is kept")] | None


class ScheduleRunsJson(TypedDict):
    schedule: ScheduleJson
    next: list[IsoTime]
    last: LastRunJson | None


class SchedulesJson(TypedDict):
    data: Annotated[list[ScheduleRunsJson], SchemaPart(description="by their next run")]


@dataclass(frozen=True, kw_only=True)
class ScheduleRunParts:
    schedules: Schedules
    scheduler: Scheduler
    last_runs: LastRuns


class ScheduleRunViews:
    def __init__(self, parts: ScheduleRunParts) -> None:
        self._parts = parts

    @endpoint(
        "GET",
        "/taskdock/schedules",
        summary=f"The schedules, each with its next {_RUNS} runs and the latest result",
        answer=SchedulesJson,
        parameters=(parameter("limit", "integer", f"{USUAL} unless given, {MOST} at most"),),
        errors=(errors.BadField,),
    )
    def show(self) -> SchedulesJson:
        return {"data": self.nearest(whole("limit", least=1, most=MOST) or USUAL)}

    def nearest(self, limit: int) -> list[ScheduleRunsJson]:
        """Those whose next run comes first."""
        found = self._parts.schedules.nearest(limit)
        last = self._parts.last_runs.of(found)
        return [_runs(schedule, last.get(schedule.id)) for schedule in found]

    @endpoint(
        "POST",
        "/taskdock/schedules/<schedule_id>/run",
        summary="Queue a task as the schedule would, now; its own runs stay as they are",
        answer=TaskJson,
        errors=BY_ID,
    )
    def run(self, schedule_id: str) -> TaskJson:
        return task_json.to_json(self._parts.scheduler.run_now(schedule_id))


def _runs(schedule: Schedule, last: LastRun | None) -> ScheduleRunsJson:
    shown: ScheduleRunsJson = {
        "schedule": to_json(schedule),
        "next": [to_iso(moment) for moment in next_runs(schedule, _RUNS)],
        "last": None if last is None else _last(last),
    }
    return present(shown)


def _last(run: LastRun) -> LastRunJson:
    shown: LastRunJson = {
        "timestamp": to_iso(run.at),
        "task": None if run.task is None else task_json.to_json(run.task),
    }
    return present(shown)
