"""Functions: all of them with their statistics, and a form that deploys one."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from taskdock.base.errors import BadFunctionCode, CallerError
from taskdock.lambdas.functions import runtimes
from taskdock.lambdas.functions.code import MAX_ZIPPED_BY_AWS
from taskdock.web.access.authentication import caller
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.task_api.api import TaskApi
from taskdock.web.ui.page import ROOT, action, page
from taskdock.web.ui.pages.functions import parts
from taskdock.web.ui.rendering import responses

LIST = f"{ROOT}functions"
PART = f"{LIST}/list.part"
"""With a dot, which no function's name has."""
_NEW = {"name": "", "runtime": "nodejs22.x", "handler": "index.handler"}


class FunctionListViews:
    def __init__(self, tasks: TaskApi, harness: HarnessApi) -> None:
        self._tasks = tasks
        self._harness = harness

    @page(LIST, permission="VIEW_TASK_FUNCTIONS")
    def whole(self) -> Response:
        return responses.html("functions/list.html", **self._values(), **_form(_NEW), error=None)

    @page(PART, permission="VIEW_TASK_FUNCTIONS")
    def part(self) -> Response:
        return responses.html("functions/list_part.html", **self._values())

    @action(f"{LIST}/deploy", permission="CREATE_TASK_FUNCTION")
    def deploy(self) -> Response:
        given = {name: request.form.get(name, "").strip() for name in _NEW}
        try:
            made = self._tasks.catalog.deploy(
                given["name"],
                zipped=zip_of_form(),
                max_zipped=MAX_ZIPPED_BY_AWS,
                by=caller().authors,
                runtime=given["runtime"] or None,
                entry_point=given["handler"] or None,
            )
        except CallerError as error:
            if responses.is_by_htmx():
                return parts.refused(error, "functions/deploy_part.html", **_form(given))
            return parts.refused(error, "functions/list.html", **self._values(), **_form(given))
        return parts.lead_to(responses.link(f"{LIST}/{made.name}"))

    @action(f"{LIST}/<name>/enable", permission="UPDATE_TASK_FUNCTION")
    def enable(self, name: str) -> Response:
        return self._switch(name, enabled=True)

    @action(f"{LIST}/<name>/disable", permission="UPDATE_TASK_FUNCTION")
    def disable(self, name: str) -> Response:
        return self._switch(name, enabled=False)

    def _switch(self, name: str, *, enabled: bool) -> Response:
        self._tasks.catalog.update(name, enabled=enabled)
        if request.form.get("from") == "function":
            return parts.lead_to(responses.link(f"{LIST}/{name}"))
        return self.part() if responses.is_by_htmx() else parts.lead_to(responses.link(LIST))

    def _values(self) -> dict[str, Any]:
        return {"functions": self._harness.functions.all(), "list": LIST, "part": PART}


def zip_of_form() -> bytes:
    """The zip that the current request's form has. Raises `BadFunctionCode` where it has none."""
    chosen = request.files.get("code")
    content = b"" if chosen is None else chosen.read()
    if not content:
        raise BadFunctionCode("choose a zip with the function's code, or drop it here")
    return content


def _form(given: dict[str, str]) -> dict[str, Any]:
    families: dict[str, list[str]] = {}
    for each in runtimes.known().values():
        if each.image or each.standin:
            families.setdefault(each.family, []).append(each.id)
    return {"given": given, "families": families}
