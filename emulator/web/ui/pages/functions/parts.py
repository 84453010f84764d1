"""The answers of forms, by htmx or by the browser alone: the fresh part, another page, or the words
of a refusal where it happened."""

from __future__ import annotations

from typing import Any

from flask import Response

from taskdock.base.errors import TaskdockError
from taskdock.web.common import problems
from taskdock.web.ui.rendering import responses


def lead_to(address: str) -> Response:
    """Leads the browser to another page."""
    if not responses.is_by_htmx():
        return Response(status=303, headers={"Location": address})
    return Response(status=204, headers={"HX-Redirect": address})


def refused(error: TaskdockError, template: str, **values: Any) -> Response:
    """A part or a page that says in `error` why something was not done."""
    status = problems.status_of(error)
    return responses.html(template, http_status=status, error=error.message, **values)
