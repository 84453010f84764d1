"""The dashboard's responses: HTML with its policy, fresh or unchanged; and refusals."""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from flask import Response, request
from werkzeug.exceptions import HTTPException

from taskdock.base.errors import TaskdockError
from taskdock.web.common import problems
from taskdock.web.ui.page import PAGES, ROOT
from taskdock.web.ui.rendering import allowed, edition, templates
from taskdock.web.ui.rendering.refusals import PageRefusal, refusal_of
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
HEADERS = (
    ("Content-Security-Policy", POLICY),
    # With no-referrer, browsers would send `Origin: null` with a form's POST to this very server.
    ("Referrer-Policy", "same-origin"),
    # A page that opens one of ours in a window gets no handle on that window.
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cache-Control", "private, no-cache"),
)
_SWAPPED = (  # where and how htmx shows a refusal, whatever the request was to change
    ("HX-Retarget", "#refusal"),
    ("HX-Reswap", "innerHTML"),
)
_WHOLE = ("HX-Reselect", "#refused")


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


def html(template: str, *, http_status: int = 200, **values: Any) -> Response:
    """A page or a part of one. It has an ETag: what has not changed is not sent again."""
    text = templates.render(template, **_of_every_page(), **values)
    # A name may have half a character, which UTF-8 cannot have.
    response = Response(text.encode(errors="replace"), http_status, HEADERS, mimetype="text/html")
    if http_status == HTTPStatus.OK:
        response.add_etag()
        response.make_conditional(request.environ)
    return response


def refused(error: TaskdockError | HTTPException | PageRefusal) -> Response:
    """An error in words, with what to do: a whole page, or for htmx a part, which is shown above
    the page wherever the request was made."""
    refusal = error if isinstance(error, PageRefusal) else refusal_of(error)
    by_htmx = is_by_htmx()
    template = "refused_part.html" if by_htmx else "refused.html"
    response = html(template, http_status=refusal.status, refusal=refusal)
    if by_htmx:
        response.headers.extend(_SWAPPED)
    return response


def refused_outside(path: str, status: int, why: str) -> tuple[bytes, Sequence[tuple[str, str]]]:
    """The body and the headers of a refusal of a request that the application does not see."""
    body, _ = problems.http_answer(status, why)
    text = templates.render(
        "refused.html",
        refusal=PageRefusal.of(status, body),
        here=path,
        root=ROOT,
        static=edition.address,
        pages=(),
        present=False,
        link=lambda path, **_: path,
        may=lambda _: False,
        may_see=lambda _: False,
        session_email=str,
        service_time=None,
    )
    kind = ("Content-Type", "text/html; charset=utf-8")
    return text.encode(errors="replace"), (kind, *HEADERS, *_SWAPPED, _WHOLE)


def changed(response: Response) -> Response:
    """The words of an action for its page, which then fetches anew what it shows."""
    response.headers["HX-Trigger"] = "changed"
    return response


def is_by_htmx() -> bool:
    return request.headers.get("HX-Request") == "true"


def _of_every_page() -> dict[str, Any]:
    """Values that every template can use."""
    return {
        "here": request.path,
        "root": ROOT,
        "static": edition.address,
        "pages": [each for each in PAGES if allowed.may(each.permission)],
        "present": presents(),
        "link": link,
        "may": allowed.may,
        "may_see": allowed.may_see,
        "session_email": allowed.session_email,
        "service_time": service_time(),
    }
