"""One function: its properties, its runs and its environments."""

from __future__ import annotations

from typing import Any

from flask import Response

from taskdock.base.errors import CallerError
from taskdock.lambdas.functions.code import MAX_ZIPPED_BY_AWS
from taskdock.web.access.authentication import caller
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.task_api import function_json
from taskdock.web.task_api.api import TaskApi
from taskdock.web.task_api.status import Report
from taskdock.web.ui.page import action, page
from taskdock.web.ui.pages.functions import parts
from taskdock.web.ui.pages.functions.function_list import LIST, zip_of_form
from taskdock.web.ui.rendering import allowed, responses

_ONE = f"{LIST}/<name>"
_RUNS = 50


class FunctionPageViews:
    def __init__(self, tasks: TaskApi, harness: HarnessApi, report: Report) -> None:
        self._tasks = tasks
        self._harness = harness
        self._report = report

    @page(_ONE, permission="VIEW_TASK_FUNCTION_DETAILS")
    def properties(self, name: str) -> Response:
        return responses.html("functions/properties.html", **self._properties(name), error=None)

    @page(f"{_ONE}/properties.part", permission="VIEW_TASK_FUNCTION_DETAILS")
    def properties_part(self, name: str) -> Response:
        return responses.html("functions/properties_part.html", **self._properties(name))

    @page(f"{_ONE}/variables.part", permission="VIEW_TASK_FUNCTION_DETAILS")
    def variables_part(self, name: str) -> Response:
        function = function_json.details(self._tasks.catalog.get(name))
        return responses.html("functions/variables_part.html", function=function, list=LIST)

    @page(f"{_ONE}/runs", permission="VIEW_TASKS")
    def runs(self, name: str) -> Response:
        return responses.html("functions/runs.html", **self._runs(name))

    @page(f"{_ONE}/runs.part", permission="VIEW_TASKS")
    def runs_part(self, name: str) -> Response:
        return responses.html("functions/runs_part.html", **self._runs(name))

    @page(f"{_ONE}/environments", permission="VIEW_TASK_FUNCTIONS")
    def environments(self, name: str) -> Response:
        return responses.html("functions/environments.html", **self._environments(name))

    @page(f"{_ONE}/environments.part", permission="VIEW_TASK_FUNCTIONS")
    def environments_part(self, name: str) -> Response:
        return responses.html("functions/environments_part.html", **self._environments(name))

    @action(f"{_ONE}/code", permission="UPDATE_TASK_FUNCTION")
    def replace_code(self, name: str) -> Response:
        try:
            self._tasks.catalog.update(
                name, zipped=zip_of_form(), max_zipped=MAX_ZIPPED_BY_AWS, by=caller().authors
            )
        except CallerError as error:
            if responses.is_by_htmx():
                values = {"function": function_json.details(self._tasks.catalog.get(name))}
                return parts.refused(error, "functions/code_part.html", **values, list=LIST)
            return parts.refused(error, "functions/properties.html", **self._properties(name))
        return parts.lead_to(responses.link(f"{LIST}/{name}"))

    @action(f"{_ONE}/delete", permission="DELETE_TASK_FUNCTION")
    def delete(self, name: str) -> Response:
        self._tasks.catalog.delete(name)
        return parts.lead_to(responses.link(LIST))

    def _properties(self, name: str) -> dict[str, Any]:
        function = self._tasks.catalog.get(name)
        wanted = function.image or function.runtime
        uses = [use for use in self._report()["images"] if use["wanted"] == wanted]
        return {
            "function": function_json.details(function),
            "parts": self._harness.functions.one(name),
            "image": uses[0] if uses else None,
            "list": LIST,
        }

    def _runs(self, name: str) -> dict[str, Any]:
        found, _ = self._harness.history.find(function=name, limit=_RUNS)
        return {
            "function": function_json.details(self._tasks.catalog.get(name)),
            "runs": [run for run in reversed(found) if allowed.may_see(run["kind"])],
            "list": LIST,
        }

    def _environments(self, name: str) -> dict[str, Any]:
        function = function_json.details(self._tasks.catalog.get(name))
        found = self._report()["environments"]
        return {
            "function": function,
            "environments": [each for each in found if each["functionName"] == name],
            "list": LIST,
        }
