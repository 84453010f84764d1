"""Events."""

from __future__ import annotations

from flask import Response

from taskdock.web.ui.page import ROOT, page
from taskdock.web.ui.rendering import responses


class EventPageViews:
    @page(f"{ROOT}events", permission="VIEW_EVENTS")
    def page(self) -> Response:
        return responses.html("events.html")
