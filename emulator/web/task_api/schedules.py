"""/tasks/v1/schedules. Views translate; `tasks.timetable` does."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Blueprint, request

from emulator.base.timing.clock import to_iso
from emulator.tasks.schedules.schedule import Schedule
from emulator.tasks.schedules.schedules import Schedules
from emulator.web.common import listing, requests

Json = dict[str, Any]


def blueprint(timetable: Schedules) -> Blueprint:
    schedules = Blueprint("schedules", __name__)

    @schedules.get("/")
    def find() -> Json:
        return listing.answer(timetable.find, _to_json)

    @schedules.post("/")
    def create() -> Json:
        wanted = requests.read(requests.NewSchedule, request.get_data())
        schedule = timetable.create(
            function_name=wanted.function_name,
            interval=timedelta(seconds=wanted.interval),
            data=wanted.data,
            priority=wanted.priority,
            start=wanted.start_timestamp,
        )
        return _to_json(schedule)

    @schedules.delete("/<schedule_id>")
    def remove(schedule_id: str) -> Json:
        timetable.remove(schedule_id)
        return {"affectedRecords": 1}

    return schedules


def _to_json(schedule: Schedule) -> Json:
    seconds = schedule.interval.total_seconds()
    shown: Json = {
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
    return {key: value for key, value in shown.items() if value is not None}
