"""/ui/static/...: the style sheet, the scripts and htmx, as they are in the folder."""

from __future__ import annotations

import mimetypes

from flask import Response, request

from taskdock.base import errors
from taskdock.web.common.endpoint import Gate
from taskdock.web.ui.page import ROOT, page
from taskdock.web.ui.rendering.edition import FILES, FOLDER, edition

_FOR_EVER = "public, max-age=31536000, immutable"  # a year: RFC 8246


class StaticViews:
    @page(f"{ROOT}static/<asked>/<file>", permission=Gate.ANYONE)
    def file(self, asked: str, file: str) -> Response:
        """For a page of another edition: the file as it is now. Raises `NoSuchEndpoint`."""
        if file not in FILES:
            raise errors.NoSuchEndpoint
        kind = mimetypes.guess_type(file)[0] or "text/plain"
        response = Response((FOLDER / file).read_bytes(), mimetype=kind)
        response.headers["Cache-Control"] = _FOR_EVER if asked == edition() else "no-cache"
        response.add_etag()
        response.make_conditional(request.environ)
        return response
