"""Builds what tests need of a server beside its services: the endpoints below /taskdock/."""

from __future__ import annotations

from taskdock.server.parts.build_agenda import AgendaParts
from taskdock.server.parts.build_lambda import LambdaParts
from taskdock.server.parts.build_tasks import TaskParts
from taskdock.server.parts.foundation import Foundation
from taskdock.web.harness_api.api import HarnessApi


def build_harness(
    base: Foundation, lambdas: LambdaParts, tasks: TaskParts, agenda: AgendaParts
) -> HarnessApi:
    return HarnessApi(driver=agenda.driver, waits=agenda.waits)
