"""Try it: an editor for an event, and the answer beside it."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from flask import Response, request

from taskdock.base.errors import CallerError, IllegalState, NoLogs, NotFound
from taskdock.base.timing.clock import Clock
from taskdock.identity.account import require
from taskdock.tasks.api_functions.gateway_event import GatewayRequest
from taskdock.tasks.model import access, checks, task_json
from taskdock.tasks.model.task import FINAL, Task
from taskdock.tasks.runs.run_json import RunJson
from taskdock.web.access.authentication import caller
from taskdock.web.common.rql import parser as rql
from taskdock.web.common.sample_events.samples import SAMPLES
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.task_api import function_json
from taskdock.web.task_api.api import TaskApi
from taskdock.web.ui.page import action, page
from taskdock.web.ui.pages.functions.event_again import event_text, fields_of
from taskdock.web.ui.pages.functions.function_list import LIST
from taskdock.web.ui.pages.functions.tries import FunctionTries, FunctionTry, headers_of
from taskdock.web.ui.rendering import allowed, responses, words

_TRY = f"{LIST}/<name>/try"
_LAST = 5  # events of runs that are offered
_LONGEST = 64 * 1024  # characters of such an event
_MAX_FORM = 24 * 1024 * 1024  # bytes; an event has 6 MB, and a form's escapes make it longer
_MOST_ATTEMPTS = 20
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD")
_WAYS = {
    "task": "a task",
    "execution": "a direct execution",
    "api": "an API request",
    "invocation": "an Invoke (RequestResponse)",
    "event": "an Invoke (Event)",
}
_USUAL = {
    "way": "task",
    "event": '{\n  "name": "Ada"\n}',
    "method": "GET",
    "path": "/",
    "headers": "Accept: */*",
    "body": "",
}
_PATH = "/%:@!$&'()*+,;=~-._"  # RFC 3986, 3.3, and what is escaped already


class TryItViews:
    def __init__(
        self, tasks: TaskApi, harness: HarnessApi, tries: FunctionTries, clock: Clock
    ) -> None:
        self._tasks = tasks
        self._harness = harness
        self._tries = tries
        self._clock = clock

    @page(_TRY, permission="VIEW_TASK_FUNCTION_DETAILS")
    def whole(self, name: str) -> Response:
        """With `run`: with the event that this run had."""
        ways = self._ways(name)
        given = {**_USUAL, "way": request.args.get("way", next(iter(ways), ""))}
        if not request.args.get("run"):
            return responses.html("functions/try_it.html", **self._values(name, given), tried=None)
        allowed.need("VIEW_TASKS")
        try:
            run = self._harness.history.get(request.args["run"])
        except CallerError as error:
            answer = self._answer(name, FunctionTry(refusal=error.message))
            values = {**self._values(name, given), **answer}
            return responses.html("functions/try_it.html", **values)
        given |= fields_of(allowed.need_run(run))
        return responses.html("functions/try_it.html", **self._values(name, given), tried=None)

    @action(
        _TRY,
        permission="VIEW_TASK_FUNCTION_DETAILS",
        asks=("CREATE_TASKS", access.EXECUTE_TASK, access.EXECUTE_API),
    )
    def run(self, name: str) -> Response:
        # Flask bounds a form's texts by half a megabyte unless it is told.
        request.max_form_memory_size = _MAX_FORM
        given = {key: request.form.get(key, usual) for key, usual in _USUAL.items()}
        self._tasks.catalog.get(name)
        try:
            tried = self._tried(name, given)
        except CallerError as error:
            tried = FunctionTry(refusal=error.message)
        if responses.is_by_htmx():
            return responses.html("functions/answer.html", **self._answer(name, tried))
        values = {**self._values(name, given), **self._answer(name, tried)}
        return responses.html("functions/try_it.html", **values)

    @page(f"{_TRY}/tasks/<task_id>", permission="VIEW_TASKS")
    def followed_task(self, name: str, task_id: str) -> Response:
        values = self._answer(name, FunctionTry(task=checks.object_id(task_id)))
        return responses.html("functions/answer.html", **values)

    @page(f"{_TRY}/events/<request_id>", permission="VIEW_TASKS")
    def followed_event(self, name: str, request_id: str) -> Response:
        return responses.html(
            "functions/answer.html", **self._answer(name, FunctionTry(event=request_id))
        )

    def _tried(self, name: str, given: dict[str, str]) -> FunctionTry:
        way, text = given["way"], given["event"]
        if way == "task":
            require(caller(), "CREATE_TASKS")
            return self._tries.task(name, text, caller())
        if way == "api":
            return self._tries.api_request(name, _asked(given), caller())
        function = access.admit(caller(), access.EXECUTE_TASK, self._tasks.catalog, name)
        if way == "execution":
            return self._tries.execution(name, text, caller())
        if way == "event":
            return self._tries.event(function, text)
        return self._tries.invocation(function, text)

    def _values(self, name: str, given: dict[str, str]) -> dict[str, Any]:
        now = self._clock.now()
        samples = {
            "A name": _USUAL["event"],
            "An empty object": "{}",
            **{each.about: words.pretty(each.usual(now)) for each in SAMPLES.values()},
        }
        return {
            "function": function_json.details(self._tasks.catalog.get(name)),
            "given": given,
            "samples": samples,
            "last": self._last_events(name),
            "methods": _METHODS,
            "ways": {way: _WAYS[way] for way in self._ways(name)},
            "list": LIST,
        }

    def _ways(self, name: str) -> list[str]:
        """The ways in which the caller may run the function."""
        executes = access.may_run(caller(), access.EXECUTE_TASK, self._tasks.catalog, name)
        calls = access.may_run(caller(), access.EXECUTE_API, self._tasks.catalog, name)
        allows = {"task": allowed.may("CREATE_TASKS"), "api": calls}
        return [way for way in _WAYS if allows.get(way, executes)]

    def _last_events(self, name: str) -> dict[str, str]:
        """Events that the function had, by the time and the kind of the run, for who may see
        runs."""
        if not allowed.may("VIEW_TASKS"):
            return {}
        found, _ = self._harness.history.find(function=name, limit=_LAST)
        events: dict[str, str] = {}
        for run in reversed(found):
            text = event_text(run)
            if len(text) <= _LONGEST and allowed.may_see(run["kind"]):
                events[f"{run['at'][11:19]} UTC, {run['kind']}"] = text
        return events

    def _answer(self, name: str, tried: FunctionTry) -> dict[str, Any]:
        """The values of the template that shows a try, with all that is known by now."""
        function = self._tasks.catalog.find(name)
        attempts = self._attempts(tried.task) if tried.task else []
        run = tried.run
        if attempts:
            run = self._tries.run_of_task(attempts[-1].id)
        elif tried.event:
            run = self._tries.run_of_event(tried.event)
        ended = not tried.event or run is not None
        if attempts:
            ended = attempts[-1].status in FINAL
        kind = run["kind"] if run else "task"
        return {
            "tried": tried,
            "attempts": [task_json.to_json(task) for task in attempts],
            "run": run,
            "log": self._log(attempts, run) if allowed.may(allowed.log_needs(kind)) else [],
            "ended": ended,
            "name": name,
            "memory_limit": None if function is None else function.memory_limit,
            "body": _body(tried),
            "list": LIST,
        }

    def _attempts(self, task_id: str) -> list[Task]:
        """The task, and its retries up to now. Raises `NotFound`."""
        attempts: list[Task] = []
        wanted: str | None = task_id
        while wanted is not None and len(attempts) < _MOST_ATTEMPTS:
            found, _ = self._tasks.service.find(rql.parse(f"eq(id,{wanted})&skipCount()"))
            if not found:
                raise NotFound(f"there is no task {wanted}")
            attempts.append(found[0])
            wanted = found[0].retried_by_task_id
        return attempts

    def _log(self, attempts: list[Task], run: RunJson | None) -> list[str]:
        """The lines of the run, or those up to now of a task that runs."""
        if run is not None:
            return run["log"]
        if not attempts:
            return []
        try:
            lines = self._tasks.service.logs(attempts[-1].id, since=None, limit=1000, offset=0)
        except (IllegalState, NoLogs, NotFound):
            return []
        return [line.message for line in lines]


def _asked(given: dict[str, str]) -> GatewayRequest:
    """Raises `BadField`."""
    path, _, query = given["path"].strip().partition("?")
    return GatewayRequest(
        method=given["method"] if given["method"] in _METHODS else "GET",
        path=quote(f"/{path.lstrip('/')}", safe=_PATH),
        query=quote(query, safe=f"{_PATH}?"),
        headers={"host": request.host, **headers_of(given["headers"])},
        body=given["body"].replace("\r\n", "\n").encode(errors="replace"),
        source_ip=request.remote_addr or "127.0.0.1",
    )


def _body(tried: FunctionTry) -> str | None:
    """The body of a response as text; None: it is none."""
    if tried.response is None:
        return None
    try:
        return tried.response.body.decode()
    except UnicodeDecodeError:
        return None
