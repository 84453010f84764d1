"""Runs."""

from __future__ import annotations

from flask import Response

from taskdock.web.ui.page import ROOT, page
from taskdock.web.ui.rendering import responses


class RunListViews:
    @page(f"{ROOT}runs", permission="VIEW_TASKS")
    def page(self) -> Response:
        return responses.html("runs.html")
