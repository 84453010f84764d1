"""Queue: tasks that are new, in the order of their claims, and what waits for a time."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request

from taskdock.base.errors import TaskdockError
from taskdock.web.access.authentication import caller
from taskdock.web.common import requests
from taskdock.web.common.endpoint import Gate
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.harness_api.observing.queue import USUAL, LineupViews, QueueJson
from taskdock.web.task_api.api import TaskApi
from taskdock.web.task_api.status import Report
from taskdock.web.task_api.tasks import NewTask
from taskdock.web.ui.page import ROOT, action, page
from taskdock.web.ui.rendering import responses
from taskdock.web.ui.rendering.said import done, may, refused
from taskdock.web.ui.rendering.service_time import service_time
from taskdock.web.ui.shown import given, times_in_words
from taskdock.web.ui.shown.obstacles import obstacles

PAGE = f"{ROOT}queue"


class QueueViews:
    def __init__(self, report: Report, tasks: TaskApi, harness: HarnessApi) -> None:
        self._report = report
        self._tasks = tasks
        self._harness = harness

    @page(PAGE, permission="VIEW_TASKS")
    def queue(self) -> Response:
        return responses.html(
            "queue.html", may=may, functions=names(self._tasks), start=START, **self._shown()
        )

    @page(f"{PAGE}/lineup", permission="VIEW_TASKS")
    def lineup(self) -> Response:
        return responses.html("queue_lineup.html", may=may, **self._shown())

    @page(f"{ROOT}clock", permission=Gate.USER)
    def clock(self) -> Response:
        return responses.html("clock.html")

    @action(f"{PAGE}/tasks", permission="CREATE_TASKS")
    def create(self) -> Response:
        form = request.form
        try:
            body = {
                "functionName": form.get("function", "").strip(),
                "data": given.event(form.get("event", "")),
                "startTimestamp": times_in_words.start(
                    form.get("start", ""), self._harness.driver.now
                ),
                "priority": given.whole("priority", form.get("priority", "")),
                "tags": given.words(form.get("tags", "")),
            }
            asked = requests.read(NewTask, json.dumps(body).encode())
            task = self._tasks.service.create(
                function_name=asked.function_name,
                data=asked.data,
                tags=asked.tags,
                start=asked.start_timestamp,
                priority=asked.priority,
                by=caller(),
            )
        except TaskdockError as error:
            return refused(error, back=PAGE)
        run = responses.link(f"{ROOT}runs/task/{task.id}")
        return done(f"Created a task of {task.function_name}", back=PAGE, href=run)

    @action(f"{PAGE}/tasks/<task_id>/cancel", permission="CANCEL_TASKS")
    def cancel(self, task_id: str) -> Response:
        try:
            self._tasks.service.cancel(task_id)
        except TaskdockError as error:
            return refused(error, back=PAGE)
        return done("Canceled the task", back=PAGE)

    def _shown(self) -> dict[str, Any]:
        queue, time = LineupViews(self._harness.lineup).first(USUAL), service_time()
        return {
            "queue": queue,
            "obstacles": obstacles(
                queue,
                self._report.hindrances(),
                self._enabled(queue),
                stands_still=time is not None and time.mode != "real",
            ),
        }

    def _enabled(self, queue: QueueJson) -> dict[str, bool | None]:
        """By the names of the functions that new tasks have."""
        tasks = [each["task"] for each in (*queue["due"], *queue["waiting"], *queue["retries"])]
        wanted = dict.fromkeys(task["functionName"] for task in tasks)
        found = {name: self._tasks.catalog.find(name) for name in wanted}
        return {name: None if each is None else each.enabled for name, each in found.items()}


START = times_in_words.START


def names(tasks: TaskApi) -> list[str]:
    """The functions that a form may offer."""
    if not may("VIEW_TASK_FUNCTIONS"):
        return []
    return [function.name for function in tasks.catalog.all()]
