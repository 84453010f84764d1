"""The dashboard's responses: HTML with its policy, fresh or unchanged."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from flask import Response, request

from taskdock.web.ui.page import PAGES, ROOT
from taskdock.web.ui.rendering import templates
from taskdock.web.ui.rendering.service_time import service_time

POLICY = "; ".join(
    (
        "default-src 'none'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "script-src 'self'",
        "style-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)


def presents() -> bool:
    """Whether the page is shown to a room: larger, without ids and secrets."""
    return request.args.get("present") == "1"


def link(path: str, **query: Any) -> str:
    """The address of one of the dashboard's pages or parts, which stays in the mode it is in."""
    given = {name: value for name, value in query.items() if value not in (None, "")}
    if presents():
        given["present"] = "1"
    words = urlencode(given)
    return f"{path}?{words}" if words else path


def html(template: str, **values: Any) -> Response:
    """A page or a part of one. It has an ETag: what has not changed is not sent again."""
    text = templates.render(
        template,
        pages=PAGES,
        root=ROOT,
        here=request.path,
        present=presents(),
        link=link,
        service_time=service_time(),
        **values,
    )
    response = Response(text, mimetype="text/html")
    response.headers["Content-Security-Policy"] = POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request.environ)
    return response
