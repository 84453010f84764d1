"""Harness."""

from __future__ import annotations

from flask import Response

from taskdock.web.ui.page import ROOT, page
from taskdock.web.ui.rendering import responses


class HarnessPageViews:
    @page(f"{ROOT}harness", permission="VIEW_TASKS")
    def page(self) -> Response:
        return responses.html("harness.html")
