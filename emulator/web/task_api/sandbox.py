"""A sandbox for the pages of API functions, apart from this server's own pages. Pure.

The pages come from the same host and port as the API, so that a browser would let their scripts
call all of it. The policy `sandbox` without `allow-same-origin` gives each an origin of its own
(https://www.w3.org/TR/CSP3/#directive-sandbox), from which a browser sends neither `Referer` nor
another `Origin` than "null". So to the server such a page is of any site, and may call what those
may: API functions that are public. To read their answers, the page needs CORS
(https://fetch.spec.whatwg.org/#http-cors-protocol).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from taskdock.tasks.api_functions.gateway_event import GatewayRequest
from taskdock.tasks.api_functions.gateway_response import GatewayResponse

POLICY = (
    "sandbox allow-downloads allow-forms allow-modals allow-popups allow-popups-to-escape-sandbox"
    " allow-scripts"
)

_NO_PAGES = frozenset(
    {
        "application/gzip",
        "application/javascript",
        "application/json",
        "application/octet-stream",
        "application/pdf",
        "application/wasm",
        "application/zip",
        "text/css",
        "text/csv",
        "text/event-stream",
        "text/javascript",
        "text/plain",
    }
)
"""Types that no browser takes for a page with scripts: of any other it may make one, HTML, SVG and
all XML among them, and of what has no known type what it looks like
(https://mimesniff.spec.whatwg.org/)."""
_NO_PAGES_EITHER = re.compile(
    r"(?:audio|font|image|video)/[a-z0-9][a-z0-9!#$&^_.+-]*|[a-z]+/[a-z0-9][a-z0-9!#$&^_.+-]*\+json"
)
"""As RFC 6838, 4.2, has types written: what is no type at all is looked at, and may become HTML."""
_DROPPED = frozenset({"service-worker-allowed"})
_ALLOWED = "access-control-allow-origin"


def guarded(given: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The headers of an answer, as they are sent.

    The function's own policy stays: of several, a browser keeps to all.
    """
    headers = [(name, value) for name, value in given if name.lower() not in _DROPPED]
    types = [value for name, value in headers if name.lower() == "content-type"]
    if _may_be_a_page(types):
        headers.append(("Content-Security-Policy", POLICY))
    return headers


def shared(answer: GatewayResponse, asked: GatewayRequest) -> GatewayResponse:
    """An answer to a caller without credentials, with headers that let a sandboxed page read it.

    A function that has such headers itself decides by itself. A page in an origin of its own asks
    first, by OPTIONS, whether it may send JSON; that is answered here, because a function need not
    know that its own pages are another site's.
    """
    given = {name.lower() for name, _ in answer.headers}
    if asked.headers.get("origin") != "null" or _ALLOWED in given:
        return answer
    method = asked.headers.get("access-control-request-method")
    if asked.method != "OPTIONS" or method is None:
        read = (("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "*"))
        return replace(answer, headers=(*answer.headers, *read))
    named = asked.headers.get("access-control-request-headers", "")
    allowed = (
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", method),
        ("Access-Control-Allow-Headers", named),
    )
    return GatewayResponse(status=204, headers=allowed, body=b"")


def _may_be_a_page(types: list[str]) -> bool:
    if len(types) != 1 or "," in types[0]:  # browsers differ in which of several counts
        return True
    kind = types[0].partition(";")[0].strip(" \t").lower()
    if kind.endswith("+xml"):  # SVG for one; any of them may hold XHTML
        return True
    return kind not in _NO_PAGES and _NO_PAGES_EITHER.fullmatch(kind) is None
