"""The public application: every API in one, with signing in before and errors behind the views."""

from __future__ import annotations

from flask import Flask, Response, redirect, request
from flask.typing import ResponseReturnValue
from werkzeug import Response as BaseResponse
from werkzeug.exceptions import HTTPException
from werkzeug.routing import Rule

from taskdock.base.errors import CallerError, TaskdockError
from taskdock.base.notices import Notices
from taskdock.web.access import authentication
from taskdock.web.access.admission import OURS
from taskdock.web.access.authentication import Guard
from taskdock.web.common import problems
from taskdock.web.common.endpoint import DeclaredRule, serve
from taskdock.web.common.notices import RequestBroke
from taskdock.web.doubles.fall_through import FallThrough
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.identity_api.roles import RoleViews
from taskdock.web.identity_api.tokens import TokenViews
from taskdock.web.identity_api.users import UserViews
from taskdock.web.lambda_api.app import LambdaApi
from taskdock.web.public import errors_of_path
from taskdock.web.public.openapi.views import DocumentViews
from taskdock.web.task_api import sandbox
from taskdock.web.task_api.api import TaskApi
from taskdock.web.task_api.api_functions import FunctionResponse
from taskdock.web.task_api.status import Report, ServerViews
from taskdock.web.ui.dashboard import Dashboard
from taskdock.web.ui.page import ROOT as DASHBOARD
from taskdock.web.ui.rendering import service_time


class PublicApplication(Flask):
    """Flask, with a declaration behind each route."""

    url_rule_class: type[Rule] = DeclaredRule


def create_app(
    *,
    report: Report,
    tasks: TaskApi,
    aws: LambdaApi,
    guard: Guard,
    harness: HarnessApi,
    dashboard: Dashboard,
    notices: Notices,
) -> Flask:
    """Raises `TaskdockError` when an endpoint has no declaration."""
    app = PublicApplication("taskdock", static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False  # it redirects, in HTML and past the signature
    serve(app, ServerViews(report))  # the description has the endpoints in this order
    serve(app, DocumentViews(strict=guard.openness.strict))
    tasks.serve(app)
    serve(app, UserViews(guard.directory))
    serve(app, RoleViews(guard.directory))
    serve(app, TokenViews(guard.directory))
    tasks.serve_api_functions(app)
    for views in harness.views:
        serve(app, views)
    for views in dashboard.views:
        serve(app, views)
    service_time.provide(app, lambda: dashboard.harness.driver)
    app.register_blueprint(aws.blueprint(notices))

    app.before_request(_lead_browsers)
    fall_through = FallThrough(app, harness.doubles, sandbox.guarded)
    app.before_request(fall_through.lead)
    authentication.protect(app, guard, errors_of_path.answer)
    app.before_request(fall_through.admit)
    app.after_request(_as_ours)
    _answer_errors(app, notices)
    return app


def _lead_browsers() -> BaseResponse | None:
    """Leads a browser that asks for the address alone to the dashboard. Other programs are answered
    as for any path that is not here, by a double too."""
    if request.path != "/" or request.method != "GET":
        return None
    return redirect(DASHBOARD, 303) if "text/html" in request.headers.get("Accept", "") else None


def _as_ours(response: Response) -> Response:
    """Adds the headers of this server's own answers to all but those of API functions."""
    if not isinstance(response, FunctionResponse):
        response.headers.update(OURS)
    return response


def _answer_errors(app: Flask, notices: Notices) -> None:
    @app.errorhandler(TaskdockError)
    def explain(error: TaskdockError) -> ResponseReturnValue:
        if not isinstance(error, CallerError):
            notices.publish(RequestBroke(path=request.path, error=error.message))
        return errors_of_path.answer(error)

    @app.errorhandler(HTTPException)
    def refuse(error: HTTPException) -> ResponseReturnValue:
        status = error.code or 500
        allowed = sorted(getattr(error, "valid_methods", None) or ())  # of a 405, which names them
        why = problems.refusal(request.method, request.path, status, allowed)
        headers = {"Allow": ", ".join(allowed)} if allowed else {}
        return errors_of_path.http_answer(status, why, headers)

    @app.errorhandler(Exception)
    def break_down(error: Exception) -> ResponseReturnValue:
        notices.publish(RequestBroke(path=request.path, error=repr(error)))
        why = "there was an internal error; taskdock's log has more"
        return errors_of_path.http_answer(500, why, {})
