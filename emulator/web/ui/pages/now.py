"""Now: what the server does at this moment, for a projector too."""

from __future__ import annotations

from flask import Response

from taskdock.web.task_api.api import TaskApi
from taskdock.web.task_api.status import Report
from taskdock.web.ui.page import ROOT, page
from taskdock.web.ui.rendering import responses


class NowViews:
    def __init__(self, report: Report, tasks: TaskApi) -> None:
        self._report = report
        self._tasks = tasks

    @page(ROOT, permission="VIEW_TASKS")
    def now(self) -> Response:
        return responses.html("now.html", status=self._report())

    @page(f"{ROOT}now/board", permission="VIEW_TASKS")
    def board(self) -> Response:
        return responses.html("now_board.html", status=self._report())
