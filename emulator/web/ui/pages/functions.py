"""Functions."""

from __future__ import annotations

from flask import Response

from taskdock.web.ui.page import ROOT, page
from taskdock.web.ui.rendering import responses


class FunctionListViews:
    @page(f"{ROOT}functions", permission="VIEW_TASK_FUNCTIONS")
    def page(self) -> Response:
        return responses.html("functions.html")
