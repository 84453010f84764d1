"""One run: a task, a direct execution, an API request, an invocation, or a run that is kept."""

from __future__ import annotations

from collections.abc import Callable

from flask import Response, request

from taskdock.base.errors import TaskdockError
from taskdock.tasks.runs.recording import to_recording
from taskdock.web.access.authentication import caller
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.task_api.api import TaskApi
from taskdock.web.ui.page import ROOT, action, page
from taskdock.web.ui.pages.run_parts import RunParts, ShownRun
from taskdock.web.ui.rendering import allowed, responses, words

PATH = f"{ROOT}runs"


class RunPageViews:
    def __init__(self, tasks: TaskApi, harness: HarnessApi) -> None:
        self._tasks = tasks
        self._harness = harness
        parts = RunParts(tasks, harness)
        self._of: dict[str, Callable[[str, str], ShownRun]] = {
            "task": parts.of_task,
            "run": parts.of_run,
            "api": parts.of_api_request,
            "invocation": parts.of_invocation,
        }

    @page(f"{PATH}/<any(task, run, api, invocation):kind>/<id>", permission="VIEW_TASKS")
    def whole(self, kind: str, id: str) -> Response:
        return self._answer("run.html", kind, id)

    @page(f"{PATH}/<any(task, run, api, invocation):kind>/<id>/part", permission="VIEW_TASKS")
    def part(self, kind: str, id: str) -> Response:
        return self._answer("run_body.html", kind, id)

    @page(f"{PATH}/run/<id>/recording", permission="VIEW_TASKS")
    def recording(self, id: str) -> Response:
        """The file that `taskdock runs save` writes, which has the run's log. Raises `NotFound` or
        `NoPermission`."""
        run = allowed.need_run(self._harness.history.get(id))
        allowed.need(allowed.log_needs(run["kind"]))
        text = words.pretty(to_recording(run)) + "\n"
        response = Response(text, mimetype="application/json")
        response.headers["Content-Disposition"] = f'attachment; filename="run-{run["id"]}.json"'
        return response

    @action(f"{PATH}/run/<id>/replay", permission="EXECUTE_TASK_FUNCTION")
    def replay(self, id: str) -> Response:
        """Gives its event to the function as that is now."""
        run = allowed.need_run(self._harness.history.get(id))
        replayed, problem = None, ""
        try:
            replayed = self._harness.replay.run(run)
        except TaskdockError as error:
            problem = error.message
        is_part = responses.is_by_htmx()
        return responses.html(
            "run_again.html" if is_part else "run_again_page.html",
            replayed=replayed,
            problem=problem,
            path=PATH,
        )

    @action(f"{PATH}/task/<id>/again", permission="CREATE_TASKS")
    def again(self, id: str) -> Response:
        """Queues a task of the same function and data, and leads to its page."""
        task = RunParts.found(self._tasks, id)
        made = self._tasks.service.create(
            function_name=task.function_name,
            data=task.data,
            tags=task.tags,
            priority=task.priority,
            by=caller(),
        )
        place = responses.link(f"{PATH}/task/{made.id}")
        if responses.is_by_htmx():
            return Response(headers={"HX-Redirect": place})
        return Response(status=303, headers={"Location": place})

    def _answer(self, template: str, kind: str, id: str) -> Response:
        base = request.host_url.rstrip("/")
        shown = self._of[kind](id, base)
        return responses.html(template, shown=shown, path=PATH, self_path=f"{PATH}/{kind}/{id}")
