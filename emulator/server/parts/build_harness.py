"""Builds what tests need of a server beside its services: the endpoints below /taskdock/."""

from __future__ import annotations

from collections.abc import Mapping

from taskdock.server.parts.build_agenda import AgendaParts
from taskdock.server.parts.build_lambda import LambdaParts
from taskdock.server.parts.build_tasks import TaskParts
from taskdock.server.parts.foundation import Foundation
from taskdock.tasks.retention.reset import Clear, Reset
from taskdock.web.doubles import reading
from taskdock.web.doubles.doubles import Doubles
from taskdock.web.doubles.fall_through import DoubleParts
from taskdock.web.doubles.files.folder import DoublesFolder, anywhere, inside
from taskdock.web.doubles.rules.answer_reading import no_files
from taskdock.web.harness_api.api import HarnessApi


def build_harness(
    base: Foundation, lambdas: LambdaParts, tasks: TaskParts, agenda: AgendaParts
) -> HarnessApi:
    """Raises `StartupError`."""
    doubles = _doubles(base, lambdas)
    parts: Mapping[str, Clear] = {  # what a reset empties beside the database: by its name
        "doubles": doubles.doubles.clear,
        "faults": lambdas.faults.clear,
    }
    return HarnessApi(
        reset=_reset(base, lambdas, tasks, parts),
        doubles=doubles,
        faults=lambdas.faults,
        driver=agenda.driver,
        waits=agenda.waits,
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
        notices=base.notices,
    )


def _doubles(base: Foundation, lambdas: LambdaParts) -> DoubleParts:
    def task_of(environment: str) -> str | None:
        mailbox = lambdas.pool.mailbox(environment)
        return None if mailbox is None else mailbox.task_id()

    folder, now = base.settings.doubles, base.clock.now
    files = None
    if folder is not None:
        files = DoublesFolder(folder, reading.reader(anywhere(folder), now), base.health)
    read = reading.reader(no_files if folder is None else inside(folder), now)
    return DoubleParts(
        doubles=Doubles(clock=base.clock, read=read, files=files),
        clock=base.clock,
        task_of=task_of,
    )
