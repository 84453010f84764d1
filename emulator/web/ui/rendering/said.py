"""The answers to actions: a sentence where the action was asked for, or on a page of its own."""

from __future__ import annotations

from flask import Response, redirect

from taskdock.base.errors import TaskdockError
from taskdock.web.common import problems
from taskdock.web.ui.rendering import responses


def done(text: str, *, back: str, href: str = "") -> Response:
    """The action was done: `text` says so, with a link to what it made. A browser without scripts
    is led `back` to the page instead."""
    if not responses.is_by_htmx():
        return redirect(responses.link(back), 303)  # type: ignore[return-value]
    return responses.changed(responses.html("said_part.html", text=text, href=href, failed=False))


def refused(error: TaskdockError, *, back: str) -> Response:
    """The action was refused: the error's own words say why."""
    template = "said_part.html" if responses.is_by_htmx() else "said_page.html"
    response = responses.html(template, text=error.message, href="", failed=True, back=back)
    response.status_code = problems.status_of(error)
    return response
