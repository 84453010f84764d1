"""/openapi.json, and at /docs a page that shows it. Everything comes from this server."""

from __future__ import annotations

import mimetypes
from functools import partial
from pathlib import Path
from typing import Any

from flask import Response, current_app

from taskdock.base import errors
from taskdock.base.errors import NoSuchEndpoint
from taskdock.base.strict_json import Json
from taskdock.web.common.endpoint import Endpoint, Gate
from taskdock.web.public.openapi import builder

endpoint = partial(Endpoint, tag="Server")

_STATIC = Path(__file__).parent / "static"
_FILES = frozenset(each.name for each in _STATIC.iterdir())
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "connect-src 'self'",
        "img-src 'self' data:",
        "script-src 'self'",
        "style-src 'self' 'unsafe-inline'",  # Swagger UI sets styles on its elements
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)


class DocumentViews:
    def __init__(self, *, strict: bool) -> None:
        """`strict`: whether callers have to sign in."""
        self._strict = strict
        self._described: Json | None = None

    @endpoint(
        "GET",
        "/openapi.json",
        permission=Gate.ANYONE,
        summary="This description",
        answer=dict[str, Any],
    )
    def description(self) -> Json:
        if self._described is None:
            self._described = builder.describe(current_app.url_map, strict=self._strict)
        return self._described

    @endpoint("GET", "/docs", permission=Gate.ANYONE, summary="This description as a page")
    def page(self) -> Response:
        return _file("index.html")

    @endpoint(
        "GET",
        "/docs/<file>",
        permission=Gate.ANYONE,
        summary="A file of that page",
        errors=(errors.NoSuchEndpoint,),
    )
    def part(self, file: str) -> Response:
        return _file(file)


def _file(name: str) -> Response:
    """Raises `NoSuchEndpoint`."""
    if name not in _FILES:
        raise NoSuchEndpoint
    kind = mimetypes.guess_type(name)[0] or "text/plain"
    response = Response((_STATIC / name).read_bytes(), mimetype=kind)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
