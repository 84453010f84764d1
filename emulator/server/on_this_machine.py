"""A server on this machine's engine, with its images as functions need them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from taskdock.base.files.data_folder import made
from taskdock.base.health import Health
from taskdock.base.machine.descriptors import raise_limit
from taskdock.base.notices import Notices
from taskdock.base.settings import Settings
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.limits import Limits
from taskdock.engines.connect import connect
from taskdock.engines.engine import Engine
from taskdock.engines.images import Progress
from taskdock.server.app import Emulator
from taskdock.server.parts.clocks import service_clock
from taskdock.server.provision import announcer, image_request


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
    )
    return emulator, opened.engine
