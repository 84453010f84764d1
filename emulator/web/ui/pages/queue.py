"""Queue."""

from __future__ import annotations

from flask import Response

from taskdock.web.ui.page import ROOT, page
from taskdock.web.ui.rendering import responses


class QueueViews:
    @page(f"{ROOT}queue", permission="VIEW_TASKS")
    def page(self) -> Response:
        return responses.html("queue.html")
