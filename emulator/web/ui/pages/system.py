"""System."""

from __future__ import annotations

from flask import Response

from taskdock.web.ui.page import ROOT, page
from taskdock.web.ui.rendering import responses


class SystemPageViews:
    @page(f"{ROOT}system", permission="VIEW_TASK_FUNCTIONS")
    def page(self) -> Response:
        return responses.html("system.html")
