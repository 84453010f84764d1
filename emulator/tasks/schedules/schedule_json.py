"""A schedule as JSON, as callers see it. Pure."""

from __future__ import annotations

from typing import Annotated, TypedDict

from taskdock.base.strict_json import IsoTime, Json, ObjectId, SchemaPart, present
from taskdock.base.timing.clock import to_iso
from taskdock.tasks.schedules.schedule import Schedule


class ScheduleJson(TypedDict):
    id: ObjectId
    interval: Annotated[float, SchemaPart(description="seconds")]
    functionName: str
    startTimestamp: IsoTime
    nextTimestamp: IsoTime
    creationTimestamp: IsoTime
    updateTimestamp: IsoTime
    data: Json | None
    priority: int | None


def to_json(schedule: Schedule) -> ScheduleJson:
    seconds = schedule.interval.total_seconds()
    shown: ScheduleJson = {
        "id": schedule.id,
        "interval": int(seconds) if seconds.is_integer() else seconds,
        "functionName": schedule.function_name,
        "data": schedule.data,
        "priority": schedule.priority,
        "startTimestamp": to_iso(schedule.start_timestamp),
        "nextTimestamp": to_iso(schedule.next_timestamp),
        "creationTimestamp": to_iso(schedule.creation_timestamp),
        "updateTimestamp": to_iso(schedule.update_timestamp),
    }
    return present(shown)
