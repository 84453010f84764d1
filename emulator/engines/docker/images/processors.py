"""Whether an engine runs programs of a processor that is not its own, by emulation.

That is found out with taskdock's own launcher, in a small image of its own: of a user's image
nothing runs for it.
"""

from __future__ import annotations

import contextlib
import sys
from importlib import resources
from typing import TYPE_CHECKING

import docker
from docker.errors import APIError
from docker.models.images import Image
from requests.exceptions import ReadTimeout

from taskdock.base.errors import ImageNotAvailable
from taskdock.engines import launcher
from taskdock.engines.docker.containers.creation import glimpse
from taskdock.engines.docker.facts import number
from taskdock.engines.docker.images.local import (
    LocalImages,
    architecture_of,
    id_of,
    platform_of,
)
from taskdock.engines.docker.images.probe import import_image, layer
from taskdock.engines.images import Announce, Progress

if TYPE_CHECKING:
    if sys.version_info >= (3, 11):
        from importlib.resources.abc import Traversable
    else:
        from importlib.abc import Traversable

_IMAGE = "taskdock/processor"
_EDITION = 1  # of what the image holds
_PROGRAM = "/launcher"
_NOWHERE = "tcp:127.0.0.1:9"  # nobody listens there, in a container without a network
_RAN = (111, 101)
"""The launcher's exit codes when nobody listens: ECONNREFUSED, ENETUNREACH, Linux's numbers."""
_LIMIT = 20  # seconds


class Processors:
    def __init__(self, api: docker.APIClient) -> None:
        self._api = api
        self._run: set[str] = set()
        """Those that were seen to run; an emulator for others may be installed at any time."""

    def runs(self, architecture: str) -> bool | None:
        """None: it shows when a program of it is started. `architecture`: in Docker's words.

        Raises what docker-py and requests raise.
        """
        if architecture in self._run:
            return True
        if not _program(architecture).is_file():
            return None
        image, _ = own_image(self._api, architecture)
        if not self._tried(image):
            return False
        self._run.add(architecture)
        return True

    def _tried(self, image: str) -> bool:
        with glimpse(self._api, image, entrypoint=[_PROGRAM], command=[_NOWHERE]) as container:
            try:
                self._api.start(container)
            except APIError:
                return False
            with contextlib.suppress(ReadTimeout):  # it does not end
                return number(self._api.wait(container, timeout=_LIMIT), "StatusCode") in _RAN
            return False


class ProcessorCheck:
    """Says of an image for another processor than the engine's whether it can run."""

    def __init__(self, processors: Processors, local: LocalImages, announce: Announce) -> None:
        self._processors = processors
        self._local = local
        self._announce = announce
        self._passed: set[str] = set()
        """Ids of images for another processor that may run here; each is announced once."""

    def check(self, reference: str) -> Image:
        """The image. Raises `ImageNotAvailable` where the engine cannot run it."""
        image = self._local.get(reference)
        made_for, own = platform_of(image), self._local.engine_platform
        if None in (made_for, own) or made_for == own or id_of(image) in self._passed:
            return image
        what = f"{reference} is for {made_for} and the engine is {own}"
        runs = self._processors.runs(architecture_of(image))
        if runs is False:
            raise ImageNotAvailable(
                f"{what}, which cannot run it: build the image for {own}, or give the engine an"
                " emulator (docker run --privileged --rm tonistiigi/binfmt --install all)"
            )
        self._passed.add(id_of(image))
        seen = "it runs by emulation, several times slower"
        outlook = seen if runs else "whether it can run shows when a function of it is called"
        self._announce(Progress(f"{what}: {outlook}"))
        return image


def own_image(api: docker.APIClient, architecture: str) -> tuple[str, str]:
    """An image that has the launcher and nothing else, and where it has that. Raises what docker-py
    and requests raise, and `OSError`: there is none for this processor."""
    content = layer(_PROGRAM, _program(architecture).read_bytes())
    return import_image(api, content, _IMAGE, f"{architecture}-{_EDITION}"), _PROGRAM


def _program(architecture: str) -> Traversable:
    return resources.files(launcher) / f"launcher-{architecture}"
