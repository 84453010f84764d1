"""/openapi.json, and at /docs a page that shows it. Everything comes from this server."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, current_app

from emulator.base.errors import NoSuchEndpoint
from emulator.web.openapi import builder

Json = dict[str, Any]

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


def blueprint(*, strict: bool) -> Blueprint:
    docs = Blueprint("docs", __name__)
    described: list[Json] = []

    @docs.get("/openapi.json")
    def description() -> Json:
        if not described:
            described.append(builder.describe(current_app.url_map, strict=strict))
        return described[0]

    @docs.get("/docs")
    def page() -> Response:
        return _file("index.html")

    @docs.get("/docs/<file>")
    def part(file: str) -> Response:
        return _file(file)

    return docs


def _file(name: str) -> Response:
    """Raises `NoSuchEndpoint`."""
    if name not in _FILES:
        raise NoSuchEndpoint
    kind = mimetypes.guess_type(name)[0] or "text/plain"
    response = Response((_STATIC / name).read_bytes(), mimetype=kind)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
