"""The factory: this machine's engine as an `Engine` and an `ImageSource`.

The one module beside `engines.docker` that knows which engines there are. Another kind of engine is
chosen here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from docker import DockerClient

from taskdock.base import ids
from taskdock.base.files import user_folders
from taskdock.base.health import Health
from taskdock.base.settings import ImageChoice, NetworkChoice, Settings
from taskdock.engines.docker import client as docker_client
from taskdock.engines.docker.engine import DockerEngine
from taskdock.engines.docker.images.images import Images
from taskdock.engines.docker.locate import find_engine
from taskdock.engines.docker.reaper import Reaper
from taskdock.engines.docker.transports.transports import usual_transports
from taskdock.engines.engine import Engine
from taskdock.engines.images import Announce, ImageSource, Progress
from taskdock.engines.linux.disks import DISKS, UNLIMITED
from taskdock.engines.linux.scratch_disk import LoopScratch, open_scratch


@dataclass(frozen=True)
class OpenedEngine:
    """An engine for a server, which closes it, and the images of that engine."""

    engine: Engine
    images: ImageSource


class EngineConnection:
    """An engine that answers; nothing was asked of it yet."""

    def __init__(self, address: str, client: DockerClient, environment: Mapping[str, str]) -> None:
        self._address = address
        self._client = client
        self._environment = environment

    def images(self, announce: Announce, choice: ImageChoice = ImageChoice.AUTO) -> ImageSource:
        """Without a server. Raises `StartupError` where no folder for downloads can be written."""
        return Images(self._client, announce, choice=choice)

    def open(
        self, settings: Settings, data: Path, *, announce: Announce, health: Health
    ) -> OpenedEngine:
        """`data`: the server's data folder, which is there. `announce` and `health`: are told what
        the engine does without.

        Raises `EngineUnreachable`, or `StartupError` where no folder for downloads can be written.
        """

        def warn(text: str) -> None:
            announce(Progress(text))

        images = Images(
            self._client,
            announce,
            cache=user_folders.cache(self._environment, warn),
            architecture=settings.architecture,
            choice=ImageChoice(settings.images),
        )
        engine = DockerEngine(
            self._client,
            data / "doors",
            scratch=_scratch(data, warn, health),
            reopen_scratch=partial(open_scratch, data),
            warn=warn,
            transports=partial(usual_transports, allowed=settings.container_callers),
            reaper=Reaper(self._address, ids.word(), health),
            health=health,
            network=NetworkChoice(settings.network),
        )
        return OpenedEngine(engine, images)


def connect(environment: Mapping[str, str]) -> EngineConnection:
    """Connects to this machine's engine. `environment`: says which engine is asked for
    (DOCKER_HOST), and where this user's cache is. Raises `EngineUnreachable`, with every address
    that was tried."""
    address = find_engine(environment)
    return EngineConnection(address, docker_client.connect(address), environment)


def _scratch(data: Path, warn: Callable[[str], None], health: Health) -> LoopScratch | None:
    scratch = open_scratch(data)
    if isinstance(scratch, LoopScratch):
        return scratch
    warn(f"{UNLIMITED}{scratch}")
    health.report(DISKS, f"{UNLIMITED}{scratch}", degraded=True)
    return None
