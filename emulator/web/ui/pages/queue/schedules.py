"""Schedules: when each has its next runs, and what became of the latest."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from flask import Response, request

from taskdock.base.errors import TaskdockError
from taskdock.web.common import requests
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.harness_api.observing.schedules import USUAL, ScheduleRunViews
from taskdock.web.task_api.api import TaskApi
from taskdock.web.task_api.schedules import NewSchedule
from taskdock.web.ui.page import ROOT, action, page
from taskdock.web.ui.pages.queue.tasks import names
from taskdock.web.ui.rendering import responses
from taskdock.web.ui.rendering.said import done, may, refused
from taskdock.web.ui.shown import given, times_in_words

PAGE = f"{ROOT}queue/schedules"


class SchedulePageViews:
    def __init__(self, tasks: TaskApi, harness: HarnessApi) -> None:
        self._tasks = tasks
        self._harness = harness

    @page(PAGE, permission="VIEW_TASK_SCHEDULES")
    def schedules(self) -> Response:
        start = times_in_words.START
        functions = names(self._tasks)
        return responses.html(
            "schedules.html", may=may, functions=functions, start=start, **self._shown()
        )

    @page(f"{PAGE}/list", permission="VIEW_TASK_SCHEDULES")
    def listed(self) -> Response:
        return responses.html("schedules_list.html", may=may, **self._shown())

    @action(PAGE, permission="CREATE_TASK_SCHEDULE")
    def create(self) -> Response:
        form = request.form
        try:
            body = {
                "functionName": form.get("function", "").strip(),
                "interval": times_in_words.seconds(form.get("every", "")),
                "data": given.event(form.get("event", "")),
                "startTimestamp": times_in_words.start(
                    form.get("start", ""), self._harness.driver.now
                ),
                "priority": given.whole("priority", form.get("priority", "")),
            }
            asked = requests.read(NewSchedule, json.dumps(body).encode())
            schedule = self._tasks.schedules.create(
                function_name=asked.function_name,
                interval=timedelta(seconds=asked.interval),
                data=asked.data,
                priority=asked.priority,
                start=asked.start_timestamp,
            )
        except TaskdockError as error:
            return refused(error, back=PAGE)
        return done(f"Created a schedule of {schedule.function_name}", back=PAGE)

    @action(f"{PAGE}/<schedule_id>/run", permission="CREATE_TASKS")
    def run(self, schedule_id: str) -> Response:
        try:
            task = ScheduleRunViews(self._harness.schedule_runs).run(schedule_id)
        except TaskdockError as error:
            return refused(error, back=PAGE)
        run = responses.link(f"{ROOT}runs/task/{task['id']}")
        return done(f"Created a task of {task['functionName']}", back=PAGE, href=run)

    @action(f"{PAGE}/<schedule_id>/delete", permission="DELETE_TASK_SCHEDULE")
    def delete(self, schedule_id: str) -> Response:
        try:
            self._tasks.schedules.remove(schedule_id)
        except TaskdockError as error:
            return refused(error, back=PAGE)
        return done("Deleted the schedule", back=PAGE)

    def _shown(self) -> dict[str, Any]:
        return {
            "schedules": ScheduleRunViews(self._harness.schedule_runs).nearest(USUAL),
            "interval": times_in_words.interval,
        }
