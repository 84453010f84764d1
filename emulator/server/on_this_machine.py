"""A server on this machine's engine, with its images as functions need them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import cast

from taskdock.base.files.data_folder import made
from taskdock.base.health import Health
from taskdock.base.machine.descriptors import raise_limit
from taskdock.base.notices import Notices
from taskdock.base.settings import Settings
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.base.timing.limits import Limits
from taskdock.engines.connect import connect
from taskdock.engines.engine import Engine
from taskdock.engines.images import Progress
from taskdock.server.app import Emulator
from taskdock.server.doctor.examination import Examination
from taskdock.server.doctor.judges import report
from taskdock.server.parts.clocks import service_clock
from taskdock.server.provision import announcer, image_request
from taskdock.web.harness_api.observing.server.doctor import FindingJson

_USUAL = ("nodejs20.x", "python3.11")
"""Runtimes whose images are looked for while there is no function."""


def build_here(
    settings: Settings,
    give_up: Callable[[str], object],
    *,
    clock: Clock | None = None,
    work_clock: Clock | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> tuple[Emulator, Engine]:
    """A server on this machine's engine, and that engine. The server's messages before it serves,
    and the progress of pulls and builds, go to stderr.

    Raises `EngineUnreachable` or `StartupError`.
    """
    notices = Notices()
    clock = clock or service_clock(settings)
    health = Health(clock=clock, notices=notices, limits=limits)
    connection = connect(os.environ)
    announce = announcer(sys.stderr)
    data = made(settings.data_dir)
    if few := raise_limit():
        announce(Progress(few))
    opened = connection.open(settings, data, announce=announce, health=health)
    emulator = Emulator(
        settings,
        engine=opened.engine,
        image_of=lambda function: opened.images.find(image_request(function)),
        clock=clock,
        work_clock=work_clock,
        notices=notices,
        health=health,
        limits=limits,
        give_up=give_up,
        examine=lambda: _examine(emulator),
    )
    return emulator, opened.engine


def _examine(emulator: Emulator) -> Iterator[FindingJson]:
    """Looks at this machine for a server that runs: it has the port and the data folder."""
    foundation = emulator.foundation
    settings = emulator.settings.model_copy(
        update={"port": emulator.port, "data_dir": foundation.data}
    )
    named = {function.runtime for function in emulator.catalog.all() if function.runtime}
    with Examination(
        settings,
        environment=os.environ,
        clock=SystemClock(),
        runtime_ids=sorted(named) or _USUAL,
    ) as examining:
        for name, finding in examining.findings():
            yield cast(FindingJson, report.document(name, finding))
