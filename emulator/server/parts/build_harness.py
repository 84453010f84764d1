"""Builds what tests need of a server beside its services: the endpoints below /taskdock/."""

from __future__ import annotations

from taskdock.server.parts.build_lambda import LambdaParts
from taskdock.server.parts.build_tasks import TaskParts
from taskdock.server.parts.foundation import Foundation
from taskdock.web.doubles import reading
from taskdock.web.doubles.doubles import Doubles
from taskdock.web.doubles.fall_through import DoubleParts
from taskdock.web.doubles.files.folder import DoublesFolder, anywhere, inside
from taskdock.web.doubles.rules.answer_reading import no_files
from taskdock.web.harness_api.api import HarnessApi


def build_harness(base: Foundation, lambdas: LambdaParts, tasks: TaskParts) -> HarnessApi:
    """Raises `StartupError`."""
    return HarnessApi(doubles=_doubles(base, lambdas))


def _doubles(base: Foundation, lambdas: LambdaParts) -> DoubleParts:
    def task_of(environment: str) -> str | None:
        mailbox = lambdas.pool.mailbox(environment)
        return None if mailbox is None else mailbox.task_id

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
