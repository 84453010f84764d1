"""Builds what answers in place of services that are not here."""

from __future__ import annotations

import os

from taskdock.base.errors import StartupError
from taskdock.server.parts.build_lambda import LambdaParts
from taskdock.server.parts.foundation import Foundation
from taskdock.web.doubles import reading
from taskdock.web.doubles.doubles import Doubles
from taskdock.web.doubles.fall_through import DoubleParts
from taskdock.web.doubles.files.folder import DoublesFolder, anywhere, inside
from taskdock.web.doubles.recording.cluster import Cluster
from taskdock.web.doubles.recording.recorder import AnswerRecorder
from taskdock.web.doubles.rules.answer_reading import no_files


def build_doubles(base: Foundation, lambdas: LambdaParts) -> DoubleParts:
    """Raises `StartupError`."""
    folder, now = base.settings.doubles, base.clock.now
    read = reading.reader(no_files if folder is None else inside(folder), now)
    return DoubleParts(
        doubles=Doubles(clock=base.clock, notices=base.notices, read=read, files=_files(base)),
        clock=base.clock,
        task_of=lambda environment: _task_of(lambdas, environment),
        hand_on=_recorder(base),
    )


def _files(base: Foundation) -> DoublesFolder | None:
    folder = base.settings.doubles
    if folder is None:
        return None
    return DoublesFolder(folder, reading.reader(anywhere(folder), base.clock.now), base.health)


def _task_of(lambdas: LambdaParts, environment: str) -> str | None:
    mailbox = lambdas.pool.mailbox(environment)
    return None if mailbox is None else mailbox.task_id()


def _recorder(base: Foundation) -> AnswerRecorder | None:
    address, folder = base.settings.doubles_record, base.settings.doubles
    if not address:
        return None
    if folder is None:
        raise StartupError(
            "--doubles-record needs --doubles DIR, the folder that answers are written into"
        )
    return AnswerRecorder(Cluster(address, os.environ, base.port), folder, base.health)
