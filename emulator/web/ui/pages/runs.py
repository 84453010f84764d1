"""Runs: tasks, direct executions, API requests and invocations in one list."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Response, request

from taskdock.base.errors import TaskdockError
from taskdock.base.timing.clock import to_iso
from taskdock.tasks.model.task import Status
from taskdock.tasks.runs.activity import ActivityKind
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.harness_api.observing import activity
from taskdock.web.task_api.api import TaskApi
from taskdock.web.ui.page import ROOT, action, page
from taskdock.web.ui.rendering import allowed, responses

PATH = f"{ROOT}runs"
_KINDS = {
    ActivityKind.TASK: "Tasks",
    ActivityKind.EXECUTION: "Direct executions",
    ActivityKind.API: "API requests",
    ActivityKind.INVOCATION: "Invocations",
}
_STATUSES = [status.value for status in Status]
_TIMES = {"5": "5 minutes", "60": "hour", "1440": "day", "10080": "week"}  # by minutes
_FILTERS = ("kind", "status", "functionName", "failed", "last", "rql")
_MOST = 200  # tasks that are canceled at once


class RunListViews:
    def __init__(self, tasks: TaskApi, harness: HarnessApi) -> None:
        self._tasks = tasks
        self._harness = harness

    @page(PATH, permission="VIEW_TASKS")
    def whole(self) -> Response:
        return responses.html("runs.html", **self._shown(), is_done=False)

    @page(f"{PATH}/list", permission="VIEW_TASKS")
    def rows(self) -> Response:
        return responses.html("runs_list.html", **self._shown())

    @action(f"{PATH}/cancel", permission="CANCEL_TASKS")
    def cancel(self) -> Response:
        asked = request.form.getlist("one")[:1] or request.form.getlist("task")[:_MOST]
        done, refused = 0, []
        for id in asked:
            try:
                self._tasks.service.cancel(id)
                done += 1
            except TaskdockError as refusal:
                refused.append((id, refusal.message))
        said: dict[str, Any] = {"canceled": done, "refused": refused}
        if not responses.is_by_htmx():
            return responses.html("runs.html", **self._shown(), **said, is_done=True)
        return responses.changed(responses.html("runs_said.html", **said))

    def _shown(self) -> dict[str, Any]:
        chosen = {name: request.args[name] for name in _FILTERS if request.args.get(name)}
        places = {name: request.args.get(name, "") for name in ("before", "after")}
        asked = {**chosen, **places}
        problem, found = "", activity.ActivityJson(data=[], older=None, newer=None)
        try:
            if chosen.get("last") in _TIMES:
                asked["since"] = to_iso(
                    self._harness.activity.last(timedelta(minutes=int(chosen["last"])))
                )
            hidden = {kind for kind in _KINDS if not allowed.may_see(kind)}
            found = activity.find(self._harness.activity, asked, without=hidden)
        except TaskdockError as error:
            problem = error.message
        return {
            "found": found,
            "problem": problem,
            "chosen": chosen,
            "places": places,
            "kinds": {kind.value: words for kind, words in _KINDS.items()},
            "statuses": _STATUSES,
            "times": _TIMES,
            "path": PATH,
        }
