"""A server on the Docker Engine of this machine, with its images as functions need them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial

from emulator.base import ids
from emulator.base.files import places
from emulator.base.files.data_folder import made
from emulator.base.health import Health
from emulator.base.machine.descriptors import raise_limit
from emulator.base.notices import Notices
from emulator.base.settings import ImageChoice, NetworkChoice, Settings
from emulator.base.timing.clock import Clock, SystemClock
from emulator.base.timing.limits import Limits
from emulator.engines.docker.engine import DockerEngine, connect
from emulator.engines.docker.images.images import Images
from emulator.engines.docker.locate import find_engine
from emulator.engines.docker.passages.passages import usual
from emulator.engines.docker.reaper import Reaper
from emulator.engines.linux.scratch_disk import DISKS, UNLIMITED, open_scratch
from emulator.engines.standins.standins import Progress
from emulator.server.app import Emulator
from emulator.server.provision import announcer, image_request


def build_on_docker(
    settings: Settings,
    give_up: Callable[[str], object],
    *,
    clock: Clock | None = None,
    limits: Limits = Limits(),  # noqa: B008 - frozen
) -> tuple[Emulator, DockerEngine]:
    """A server on this machine's Docker Engine, and that engine. What it says before it serves, and
    the progress of pulls and builds, goes to stderr.

    Raises `EngineUnreachable` or `StartupError`.
    """
    clock = clock or SystemClock()
    notices = Notices()
    health = Health(clock=clock, notices=notices)
    address = find_engine(os.environ)
    client = connect(address)
    announce = announcer(sys.stderr)
    data = made(settings.data_dir)
    if few := raise_limit():
        announce(Progress(few))
    cache = places.cache(os.environ, lambda line: announce(Progress(line)))
    images = Images(
        client,
        announce,
        cache=cache,
        architecture=settings.architecture,
        choice=ImageChoice(settings.images),
    )
    scratch = open_scratch(data)
    if isinstance(scratch, str):
        announce(Progress(f"{UNLIMITED}{scratch}"))
        health.report(DISKS, f"{UNLIMITED}{scratch}", degraded=True)
    engine = DockerEngine(
        client,
        data / "doors",
        scratch=None if isinstance(scratch, str) else scratch,
        reopen_scratch=partial(open_scratch, data),
        warn=lambda text: announce(Progress(text)),
        passages=partial(usual, allowed=settings.container_callers),
        reaper=Reaper(address, ids.word(), health),
        health=health,
        network=NetworkChoice(settings.network),
    )
    emulator = Emulator(
        settings,
        engine=engine,
        image_of=lambda function: images.find(image_request(function)),
        clock=clock,
        limits=limits,
        notices=notices,
        health=health,
        give_up=give_up,
    )
    return emulator, engine
