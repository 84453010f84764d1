"""/tasks/v1: functions, tasks and logs. Views translate; `tasks.service` and the catalog do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from flask import Blueprint, Flask, Response, request
from werkzeug.exceptions import HTTPException

from emulator.base.errors import CallerError, TaskdockError
from emulator.base.notices import Notices
from emulator.base.timing.clock import to_iso
from emulator.identity.directory import Directory
from emulator.lambdas.functions import code
from emulator.lambdas.functions.catalog import Catalog
from emulator.tasks.api_functions.api_requests import ApiRequests
from emulator.tasks.events.events import Events
from emulator.tasks.model import access, task_json
from emulator.tasks.queue.service import Service
from emulator.tasks.schedules.schedules import Schedules
from emulator.web.access import authentication
from emulator.web.access.admission import OURS, Openness
from emulator.web.access.authentication import caller
from emulator.web.access.nonces import Nonces
from emulator.web.common import listing, problems, registries, requests, rql
from emulator.web.common.notices import RequestBroke
from emulator.web.identity_api.tokens import auth
from emulator.web.identity_api.users import roles, users
from emulator.web.lambda_api import app as lambda_api
from emulator.web.lambda_api.function_names import Names
from emulator.web.openapi import views
from emulator.web.task_api import api_functions, elsewhere, schedules
from emulator.web.task_api import events as event_views

Json = dict[str, Any]


def create_app(
    *,
    service: Service,
    catalog: Catalog,
    directory: Directory,
    openness: Openness,
    api_requests: ApiRequests,
    timetable: Schedules,
    events: Events,
    names: Names,
    architecture: str,
    concurrency: int,
    health: Callable[[], tuple[Json, int]],
    status: Callable[[], Json],
    notices: Notices,
    nonces: Nonces | None = None,
) -> Flask:
    """`nonces`: those that were used before.

    `names`: of functions, for AWS's callers. `architecture`: of all functions. `concurrency`: how
    many invocations there can be at once.
    """
    app = Flask("taskdock", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # it redirects, in HTML and past the signature
    app.register_blueprint(_functions(catalog, service), url_prefix="/tasks/v1/functions")
    app.register_blueprint(schedules.blueprint(timetable), url_prefix="/tasks/v1/schedules")
    app.register_blueprint(_tasks(service), url_prefix="/tasks/v1")
    app.register_blueprint(users(directory), url_prefix="/users/v1")
    app.register_blueprint(roles(directory), url_prefix="/users/v1")
    app.register_blueprint(auth(directory), url_prefix="/auth/v2")
    app.register_blueprint(api_functions.blueprint(api_requests), url_prefix="/tasks/v1")
    app.register_blueprint(event_views.blueprint(events), url_prefix="/events/v1")
    aws = lambda_api.blueprint(catalog, names, architecture, notices, concurrency=concurrency)
    app.register_blueprint(aws)
    app.register_blueprint(views.blueprint(strict=openness.strict))
    app.add_url_rule("/health", "health", health)
    app.add_url_rule("/status", "status", status)

    @app.before_request
    def refuse_what_is_elsewhere() -> None:
        elsewhere.check(request.method, request.path)

    authentication.protect(app, directory, openness, nonces)
    app.after_request(_as_ours)

    @app.errorhandler(TaskdockError)
    def explain(error: TaskdockError) -> tuple[Json, int]:
        if not isinstance(error, CallerError):
            notices.publish(RequestBroke(path=request.path, error=error.message))
        return problems.answer(error)

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> tuple[Json, int, Json]:
        what = f"{request.method} {request.path}: {error.description or error.name}"
        allowed = getattr(error, "valid_methods", None)  # of a 405, which has to tell them
        headers = {"Allow": ", ".join(sorted(allowed))} if allowed else {}
        return *problems.http_answer(error.code or 500, what), headers

    @app.errorhandler(Exception)
    def break_down(error: Exception) -> tuple[Json, int]:
        notices.publish(RequestBroke(path=request.path, error=repr(error)))
        return problems.http_answer(500, "there was an internal error; taskdock's log has more")

    return app


def _as_ours(response: Response) -> Response:
    """What an API function has answered is not."""
    if not isinstance(response, api_functions.Answer):
        response.headers.update(OURS)
    return response


def _tasks(service: Service) -> Blueprint:
    tasks = Blueprint("tasks", __name__)

    @tasks.get("/")
    def find() -> Json:
        return listing.answer(service.find, task_json.to_json)

    @tasks.post("/")
    def create() -> Json:
        wanted = requests.read(requests.NewTask, request.get_data())
        task = service.create(
            function_name=wanted.function_name,
            data=wanted.data,
            tags=wanted.tags,
            start=wanted.start_timestamp,
            priority=wanted.priority,
            by=caller(),
        )
        return task_json.to_json(task)

    @tasks.post("/<task_id>/cancel")
    def cancel(task_id: str) -> Json:
        service.cancel(task_id)
        return {"affectedRecords": 1}

    @tasks.get("/<task_id>/logs")
    def logs(task_id: str) -> Json:
        return listing.log(partial(service.logs, task_id))

    return tasks


def _functions(catalog: Catalog, service: Service) -> Blueprint:
    functions = Blueprint("functions", __name__)

    @functions.get("/")
    def find() -> Json:
        found = [requests.function_summary(function) for function in catalog.all()]
        return {
            "query": "{}",
            "page": {"total": len(found), "offset": 0, "limit": len(found)},
            "data": found,
        }

    @functions.post("/")
    def create() -> Json:
        wanted = requests.read(requests.NewFunction, request.get_data())
        wanted.check_complete()
        zipped = None if wanted.code is None else code.decode(wanted.code)
        properties = registries.checked(wanted.properties(), request.remote_addr)
        made = catalog.deploy(wanted.name, zipped=zipped, by=caller().authors, **properties)
        return requests.function_details(made)

    @functions.get("/<name>")
    def get(name: str) -> Json:
        return requests.function_details(catalog.get(name))

    @functions.put("/<name>")
    def update(name: str) -> Json:
        changes = requests.read(requests.FunctionBody, request.get_data())
        zipped = None if changes.code is None else code.decode(changes.code)
        properties = registries.checked(changes.properties(), request.remote_addr)
        catalog.update(name, zipped=zipped, by=caller().authors, **properties)
        return {"affectedRecords": 1}

    @functions.delete("/<name>")
    def delete(name: str) -> Json:
        catalog.delete(name)
        return {"affectedRecords": 1}

    @functions.post("/<name>/enable")
    def enable(name: str) -> Json:
        catalog.update(name, enabled=True)
        return {"affectedRecords": 1}

    @functions.post("/<name>/disable")
    def disable(name: str) -> Json:
        catalog.update(name, enabled=False)
        return {"affectedRecords": 1}

    @functions.post("/<name>/execute")
    def execute(name: str) -> Json:
        access.admit(caller(), access.EXECUTE_TASK, catalog, name)
        wanted = requests.read(requests.Execution, request.get_data(), optional=True)
        executed = service.execute(name, wanted.data, by=caller())
        return {**task_json.to_json(executed.task), "result": executed.result}

    @functions.get("/<name>/logs")
    def logs(name: str) -> Json:
        """Deprecated by the service, and still there."""
        query = rql.parse_function_logs(request.query_string.decode("latin-1"))
        lines, total = service.function_logs(
            name, since=query.since, until=query.until, limit=query.limit, offset=query.offset
        )
        return {
            "query": request.query_string.decode("latin-1"),
            "page": {"total": total, "offset": query.offset, "limit": query.limit},
            "data": [
                {"eventTimestamp": to_iso(line.timestamp), "message": line.message}
                for line in lines
            ],
        }

    return functions
