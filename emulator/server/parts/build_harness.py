"""Builds what tests need of a server beside its services: the endpoints below /taskdock/."""

from __future__ import annotations

from collections.abc import Mapping

from taskdock.server.parts.build_lambda import LambdaParts
from taskdock.server.parts.build_tasks import TaskParts
from taskdock.server.parts.foundation import Foundation
from taskdock.tasks.retention.reset import Clear, Reset
from taskdock.web.harness_api.api import HarnessApi


def build_harness(base: Foundation, lambdas: LambdaParts, tasks: TaskParts) -> HarnessApi:
    parts: Mapping[str, Clear] = {  # what a reset empties beside the database: by its name
    }
    return HarnessApi(reset=_reset(base, lambdas, tasks, parts))


def _reset(
    base: Foundation, lambdas: LambdaParts, tasks: TaskParts, parts: Mapping[str, Clear]
) -> Reset:
    return Reset(
        store=base.store,
        log_store=tasks.log_store,
        pollers=[tasks.scheduler, tasks.worker, tasks.dispatcher],
        webhook_sender=tasks.webhook_sender,
        hang_up=tasks.webhook_sender.hang_up,
        invoker=lambdas.invoker,
        parts=parts,
        notices=base.notices,
    )
