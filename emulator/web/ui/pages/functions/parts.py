"""The answers of forms, by htmx or by the browser alone: the fresh part, another page, or the words
of a refusal where it happened."""

from __future__ import annotations

from typing import Any

from flask import Response, redirect, request

from taskdock.base.errors import TaskdockError
from taskdock.web.common import problems
from taskdock.web.ui.rendering import responses


def of_script() -> bool:
    """Whether htmx asks, which wants a part and no page."""
    return request.headers.get("HX-Request") == "true"


def lead_to(address: str) -> Response:
    """Leads the browser to another page."""
    if not of_script():
        return Response(status=303, headers={"Location": redirect(address).location})
    return Response(status=204, headers={"HX-Redirect": address})


def refused(error: TaskdockError, template: str, **values: Any) -> Response:
    """A part or a page that says in `error` why something was not done."""
    response = responses.html(template, error=error.message, **values)
    response.status_code = problems.status_of(error)
    return response
