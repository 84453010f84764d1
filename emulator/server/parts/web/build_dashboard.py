"""Builds the dashboard: the pages below /ui/, which show what the other parts do."""

from __future__ import annotations

from taskdock.base.files import own_folder
from taskdock.server.parts.build_lambda import LambdaParts
from taskdock.server.parts.build_tasks import TaskParts
from taskdock.server.parts.foundation import Foundation
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.task_api.api import TaskApi
from taskdock.web.task_api.status import Report
from taskdock.web.ui.dashboard import Dashboard
from taskdock.web.ui.pages.functions.tries import FunctionTries


def build_dashboard(
    base: Foundation,
    lambdas: LambdaParts,
    tasks: TaskParts,
    *,
    report: Report,
    api: TaskApi,
    harness: HarnessApi,
) -> Dashboard:
    return Dashboard(
        report=report,
        tasks=api,
        harness=harness,
        tries=FunctionTries(api, tasks.invocations, tasks.history, base.reactor),
        clock=base.clock,
        directory=lambdas.directory,
        password_file=base.data / own_folder.ADMINISTRATOR,
    )
