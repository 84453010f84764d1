"""A server on this machine's engine, with its images as functions need them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from emulator.base.files.data_folder import made
from emulator.base.health import Health
from emulator.base.machine.descriptors import raise_limit
from emulator.base.notices import Notices
from emulator.base.settings import Settings
from emulator.base.timing.clock import Clock, SystemClock
from emulator.base.timing.limits import Limits
from emulator.engines.connect import connect
from emulator.engines.engine import Engine
from emulator.engines.images import Progress
from emulator.server.app import Emulator
from emulator.server.provision import announcer, image_request


def build_here(
    settings: Settings,
    give_up: Callable[[str], object],
    *,
    clock: Clock | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> tuple[Emulator, Engine]:
    """A server on this machine's engine, and that engine. The server's messages before it serves,
    and the progress of pulls and builds, go to stderr.

    Raises `EngineUnreachable` or `StartupError`.
    """
    notices = Notices()
    clock = clock or SystemClock()
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
        notices=notices,
        health=health,
        limits=limits,
        give_up=give_up,
    )
    return emulator, opened.engine
