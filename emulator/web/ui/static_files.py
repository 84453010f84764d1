"""/ui/static/...: the style sheet, the scripts and htmx, as they are in the folder."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from flask import Response, request

from taskdock.base import errors
from taskdock.web.common.endpoint import Gate
from taskdock.web.ui.page import ROOT, page

_STATIC = Path(__file__).parent / "static"
_FILES = frozenset(each.name for each in _STATIC.iterdir())


class StaticViews:
    @page(f"{ROOT}static/<file>", permission=Gate.ANYONE)
    def file(self, file: str) -> Response:
        """Raises `NoSuchEndpoint`."""
        if file not in _FILES:
            raise errors.NoSuchEndpoint
        kind = mimetypes.guess_type(file)[0] or "text/plain"
        response = Response((_STATIC / file).read_bytes(), mimetype=kind)
        response.headers["Cache-Control"] = "no-cache"
        response.add_etag()
        response.make_conditional(request.environ)
        return response
