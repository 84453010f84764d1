"""/tasks/v1/schedules. Views translate; `tasks.schedules.schedules` does."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Annotated, Any

from flask import request
from pydantic import AfterValidator, Field, StrictStr

from taskdock.base.strict_json import Json
from taskdock.store.query.fields import SCHEDULE_FIELDS
from taskdock.tasks.schedules import schedule
from taskdock.tasks.schedules.schedule_json import ScheduleJson, to_json
from taskdock.tasks.schedules.schedules import Schedules
from taskdock.web.common import listing, requests
from taskdock.web.common.descriptions import BY_ID
from taskdock.web.common.endpoint import Endpoint, Page
from taskdock.web.common.listing import AffectedRecordsJson
from taskdock.web.common.requests import Moment, Priority, Wire

Seconds = Annotated[
    float,
    Field(strict=True, ge=schedule.SHORTEST, le=schedule.LONGEST, allow_inf_nan=False),
    AfterValidator(lambda seconds: round(seconds, 3)),  # whole milliseconds
]

endpoint = partial(Endpoint, tag="Schedules")


class NewSchedule(Wire):
    function_name: Annotated[StrictStr, Field(min_length=1)]
    interval: Seconds
    data: dict[str, Any] | None = None
    priority: Priority | None = None
    start_timestamp: Moment | None = None


class ScheduleViews:
    def __init__(self, schedules: Schedules) -> None:
        self._schedules = schedules

    @endpoint(
        "GET",
        "/tasks/v1/schedules/",
        permission="VIEW_TASK_SCHEDULES",
        summary="List schedules",
        answer=Page(ScheduleJson),
        query=SCHEDULE_FIELDS,
    )
    def find(self) -> Json:
        return listing.answer(self._schedules.find, to_json)

    @endpoint(
        "POST",
        "/tasks/v1/schedules/",
        permission="CREATE_TASK_SCHEDULE",
        summary="Queue a task every so many seconds",
        answer=ScheduleJson,
        body=NewSchedule,
        example={"functionName": "hello-world-python", "interval": 3600, "data": {"name": "Ada"}},
    )
    def create(self) -> ScheduleJson:
        asked = requests.read(NewSchedule, request.get_data())
        schedule = self._schedules.create(
            function_name=asked.function_name,
            interval=timedelta(seconds=asked.interval),
            data=asked.data,
            priority=asked.priority,
            start=asked.start_timestamp,
        )
        return to_json(schedule)

    @endpoint(
        "DELETE",
        "/tasks/v1/schedules/<schedule_id>",
        permission="DELETE_TASK_SCHEDULE",
        summary="End a schedule",
        answer=AffectedRecordsJson,
        errors=BY_ID,
    )
    def remove(self, schedule_id: str) -> AffectedRecordsJson:
        self._schedules.remove(schedule_id)
        return listing.affected()
