"""Builds what tests need of a server beside its services: the endpoints below /taskdock/."""

from __future__ import annotations

from collections.abc import Mapping

from taskdock.server.parts.build_agenda import AgendaParts
from taskdock.server.parts.build_lambda import LambdaParts
from taskdock.server.parts.build_tasks import TaskParts
from taskdock.server.parts.foundation import Foundation
from taskdock.server.parts.web.build_doubles import build_doubles
from taskdock.tasks.retention.reset import Clear, Reset
from taskdock.tasks.runs.activity import Activity
from taskdock.tasks.runs.family import Families
from taskdock.tasks.runs.replay import Replay
from taskdock.web.harness_api.api import HarnessApi


def build_harness(
    base: Foundation, lambdas: LambdaParts, tasks: TaskParts, agenda: AgendaParts
) -> HarnessApi:
    """Raises `StartupError`."""
    doubles = build_doubles(base, lambdas)
    parts: Mapping[str, Clear] = {  # what a reset empties beside the database: by its name
        "doubles": doubles.doubles.clear,
        "runs": tasks.history.clear,
        "faults": lambdas.faults.clear,
    }
    return HarnessApi(
        reset=_reset(base, lambdas, tasks, parts),
        doubles=doubles,
        history=tasks.history,
        replay=_replay(base, lambdas, tasks),
        faults=lambdas.faults,
        driver=agenda.driver,
        waits=agenda.waits,
        debug_sessions=lambdas.debug_sessions,
        catalog=lambdas.catalog,
        activity=Activity(
            store=base.store,
            history=tasks.history,
            log_store=tasks.log_store,
            clock=base.clock,
        ),
        families=Families(store=base.store),
    )


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
        clock=base.clock,
        notices=base.notices,
    )


def _replay(base: Foundation, lambdas: LambdaParts, tasks: TaskParts) -> Replay:
    return Replay(
        history=tasks.history,
        catalog=lambdas.catalog,
        invoker=lambdas.invoker,
        places=tasks.direct,
        patience=base.limits.patience,
    )
