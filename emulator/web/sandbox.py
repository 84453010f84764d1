"""What an API function answers is shown apart from this server's own pages: a sandbox. Pure.

Its pages come from the same host and port as the API, so that a browser would let their scripts
call all of it. The policy `sandbox` without `allow-same-origin` gives each an origin of its own
(https://www.w3.org/TR/CSP3/#directive-sandbox). It may still call its own function, for which it
needs CORS then: https://fetch.spec.whatwg.org/#http-cors-protocol
"""

from __future__ import annotations

from collections.abc import Iterable

from emulator.web.admission import is_of_own_page
from emulator.web.exchange import Headers

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
_NO_PAGES_EITHER = ("audio/", "font/", "image/", "video/")
_DROPPED = frozenset({"service-worker-allowed"})
_CORS = "access-control-allow-origin"

Said = list[tuple[str, str]]


def guarded(said: Iterable[tuple[str, str]], asked: Headers, target: str) -> Said:
    """The headers of an answer, as it is sent to who has asked with `asked` for the path `target`.

    The function's own policy stays: of several, a browser keeps to all.
    """
    headers = [(name, value) for name, value in said if name.lower() not in _DROPPED]
    names = {name.lower() for name, _ in headers}
    types = [value for name, value in headers if name.lower() == "content-type"]
    sent = [("Content-Security-Policy", POLICY)] if _may_be_a_page(types) else []
    if _CORS not in names and _is_apart(asked, target):
        sent += [*_SHARED, ("Access-Control-Expose-Headers", ", ".join(sorted(names)))]
    return [*headers, *sent]


def preflight(method: str, asked: Headers, target: str) -> Said | None:
    """The answer to what a browser asks ahead of a call that a page makes to its own function, or
    None: it is not that. Without the sandbox it would not ask, so the function does not see it."""
    fields = dict(asked)
    wanted = fields.get(b"access-control-request-method")
    if method != "OPTIONS" or wanted is None or not _is_apart(asked, target):
        return None
    headers = fields.get(b"access-control-request-headers", b"")
    return [
        *_SHARED,
        ("Access-Control-Allow-Methods", wanted.decode("latin-1")),
        ("Access-Control-Allow-Headers", headers.decode("latin-1")),
    ]


_SHARED = (
    ("Access-Control-Allow-Origin", "null"),
    ("Access-Control-Allow-Credentials", "true"),
    ("Vary", "Origin"),
)


def _is_apart(asked: Headers, target: str) -> bool:
    return dict(asked).get(b"origin") == b"null" and is_of_own_page(asked, target)


def _may_be_a_page(types: list[str]) -> bool:
    if len(types) != 1 or "," in types[0]:  # browsers differ in which of several counts
        return True
    kind = types[0].partition(";")[0].strip().lower()
    if kind == "image/svg+xml":
        return True
    return not (kind in _NO_PAGES or kind.endswith("+json") or kind.startswith(_NO_PAGES_EITHER))
