"""The form of an error's answer: HTML below /ui/, JSON everywhere else."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode, urlsplit

from flask import redirect, request
from flask.typing import ResponseReturnValue

from taskdock.base.errors import NotSignedIn, TaskdockError
from taskdock.web.access.dashboard_callers import is_dashboard
from taskdock.web.common import problems
from taskdock.web.ui.pages.sign_in import SIGN_IN
from taskdock.web.ui.rendering import responses
from taskdock.web.ui.rendering.refusals import PageRefusal


def answer(error: TaskdockError) -> ResponseReturnValue:
    if not is_dashboard(request.path):
        return problems.answer(error)
    if isinstance(error, NotSignedIn):
        return _ask_to_sign_in(error)
    return responses.refused(error)


def http_answer(status: int, why: str, headers: dict[str, str]) -> ResponseReturnValue:
    """`why`: the API's sentence."""
    body, _ = problems.http_answer(status, why)
    if not is_dashboard(request.path):
        return body, status, headers
    if status == HTTPStatus.NOT_FOUND:
        body["message"] = f"the dashboard has no page {request.path[:200]}"
    response = responses.refused(PageRefusal.of(status, body))
    response.headers.update(headers)
    return response


def _ask_to_sign_in(error: NotSignedIn) -> ResponseReturnValue:
    """Leads a browser to the sign-in: by a page's address, or by htmx, whose parts are no place for
    it. The stream, a script and a program get the status."""
    read = request.method in ("GET", "HEAD")
    if responses.is_by_htmx():
        response = responses.refused(error)
        shown = urlsplit(request.headers.get("HX-Current-URL", ""))
        response.headers["HX-Redirect"] = _sign_in(
            f"{shown.path}?{shown.query}" if shown.query else shown.path
        )
        return response
    opens = request.headers.get("Sec-Fetch-Mode") == "navigate"
    if opens or "text/html" in request.headers.get("Accept", ""):
        here = request.full_path.rstrip("?") if read else ""
        return redirect(_sign_in(here), 303)
    return responses.refused(error)


def _sign_in(following: str) -> str:
    return f"{SIGN_IN}?{urlencode({'next': following})}" if following else SIGN_IN
