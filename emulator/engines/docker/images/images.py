"""Docker's images as an ImageSource: one that is here, one that is pulled, or a stand-in.

Owns the order of these three, and what is looked for again and when. How far a pull or a build is,
and that a stand-in is taken, goes to the `announce` callback; nothing is printed here.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from docker import DockerClient

from taskdock.base.errors import ImageNotAvailable, TaskdockError
from taskdock.base.files import user_folders
from taskdock.base.settings import ImageChoice
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.engines import references
from taskdock.engines.docker import faults
from taskdock.engines.docker.facts import at, items, number
from taskdock.engines.docker.images import builds, registry
from taskdock.engines.docker.images.local import LocalImages, id_of
from taskdock.engines.docker.images.processors import ProcessorCheck, Processors
from taskdock.engines.docker.images.pull import Puller
from taskdock.engines.docker.images.registry import SilentRegistries, file_name
from taskdock.engines.docker.images.remote import RemoteImages
from taskdock.engines.images import (
    ANY_ARCHITECTURE,
    Announce,
    Found,
    ImageRequest,
    ImageStatus,
    Progress,
    RuntimeStatus,
    platform,
)
from taskdock.engines.standins.locks import exclusive
from taskdock.engines.standins.standins import Standins

_NEVER = math.inf


@dataclass(frozen=True)
class _Known:
    """The image that was found for a request. A stand-in counts for a while only, since a registry
    may be back."""

    found: Found
    id: str
    again: float  # when to look for something better, by the clock's monotonic time


class Images:
    """The images of one engine; the folder `cache` is safe to delete."""

    def __init__(
        self,
        client: DockerClient,
        announce: Announce,
        *,
        cache: Path | None = None,
        clock: Clock | None = None,
        standins: Standins | None = None,
        puller: Puller | None = None,
        processors: Processors | None = None,
        architecture: str = ANY_ARCHITECTURE,
        choice: ImageChoice = ImageChoice.AUTO,
    ) -> None:
        """`cache`: None is this user's. `architecture`: x86_64, arm64, or auto: the engine's.

        Raises `StartupError` where no folder can be written.
        """
        self._platform = platform(architecture)
        self._choice = choice
        self._known: dict[ImageRequest, _Known] = {}
        self._client = client
        self._announce = announce
        self._cache = cache or user_folders.cache(os.environ, lambda line: announce(Progress(line)))
        self._clock = clock or SystemClock()
        self._local = LocalImages(client, self._platform)
        self._remote = RemoteImages(
            client,
            announce,
            local=self._local,
            puller=puller or Puller(client, announce),
            silent=SilentRegistries(self._cache / "silent", self._clock),
            platform=self._platform,
        )
        self._standins = standins or Standins(
            builds.StandinBuilder(client), announce, cache=self._cache
        )
        self._processors = ProcessorCheck(
            processors or Processors(client.api), self._local, announce
        )

    def find(self, request: ImageRequest, *, anew: bool = False) -> Found:
        if request.reference and references.fault(request.reference):
            raise ImageNotAvailable(references.refusal(request.reference))
        with faults.of_images():
            known = None if anew else self._known.get(request)
            if known is None or not self._holds(request, known):
                return self._look(request, anew)
            if self._clock.monotonic() >= known.again:
                self._look_behind(request, known)
            return known.found

    def build(self, folder: Path, *, tag: str, base: str) -> str:
        with faults.of_images():
            return builds.build_folder(self._client, folder, tag=tag, base=base)

    def survey(self, requests: Mapping[str, ImageRequest]) -> list[RuntimeStatus]:
        with faults.of_images():
            images = self._client.api.images()
            here = {tag: image for image in images for tag in items(image, "RepoTags")}
            asked_for = (request.reference for request in requests.values() if request.reference)
            missing = next((reference for reference in asked_for if reference not in here), None)
            pullable = (
                missing is not None
                and self._choice is not ImageChoice.STANDIN
                and self._remote.can_be_reached(missing)
            )
            return [self._status(id, request, here, pullable) for id, request in requests.items()]

    def _look(self, request: ImageRequest, anew: bool) -> Found:
        found, wait = self._find(request, anew)
        image = self._processors.check(found.reference)
        before = self._known.get(request)
        if before is None or before.found.reference != found.reference:
            self._tell(found, before)
        self._known[request] = _Known(found, id_of(image), self._clock.monotonic() + wait)
        return found

    def _look_behind(self, request: ImageRequest, known: _Known) -> None:
        """A registry is asked again while the stand-in is used: a start need not wait for it."""
        self._known[request] = replace(known, again=_NEVER)

        def look() -> None:
            try:
                with faults.of_images():
                    self._look(request, anew=False)
            except TaskdockError:  # who needs more than the stand-in finds out by himself
                again = self._clock.monotonic() + registry.LONGEST_WAIT
                self._known[request] = replace(known, again=again)

        threading.Thread(target=look, name="look-again", daemon=True).start()

    def _tell(self, found: Found, before: _Known | None) -> None:
        if found.stands_in_for:
            what = f"{found.reference} stands in for {found.stands_in_for}, because {found.reason}"
            self._announce(Progress(what))
        elif before is not None and before.found.stands_in_for:
            self._announce(Progress(f"{found.reference} is here and takes its stand-in's place"))

    def _holds(self, request: ImageRequest, known: _Known) -> bool:
        """Whether the image is still there, and nothing better: every start asks this."""
        is_standin = bool(known.found.stands_in_for)
        if is_standin and self._prefers(request) and self._local.holds(request.reference):
            return False
        return self._local.is_still(known.found.reference, known.id)

    def _prefers(self, request: ImageRequest) -> bool:
        """Whether the image that is asked for comes before its stand-in."""
        return request.standin is None or self._choice is not ImageChoice.STANDIN

    def _find(self, request: ImageRequest, anew: bool) -> tuple[Found, float]:
        """The image, and for how many seconds that counts."""
        here = Found(request.reference)
        if not self._prefers(request):
            return self._stand_in(request, "that was asked for (images: standin)"), _NEVER
        if self._local.holds(request.reference):
            return here, _NEVER
        if self._choice is ImageChoice.STANDIN:
            raise ImageNotAvailable(
                f"There is no stand-in for {request.reference or 'this runtime'}, it is not on this"
                " engine, and nothing is pulled (images: standin)."
            )
        name = request.reference or request.standin or "nothing"
        waiting = Progress(f"{name}: waiting for another pull or build to end")
        lock = self._cache / "locks" / file_name(name)
        with exclusive(lock, lambda: self._announce(waiting)):
            if self._local.holds(request.reference):
                return here, _NEVER
            refusal = self._remote.pull(request.reference, anew=anew)
            if refusal is None:
                return here, _NEVER
            found = self._stand_in(request, refusal)
            return found, self._remote.wait(request.reference) or registry.LONGEST_WAIT

    def _stand_in(self, request: ImageRequest, refusal: str) -> Found:
        name = request.reference or "this runtime, which has no public image"
        if self._platform is not None:
            name = f"{name} for {self._platform}"
        foreign = self._platform not in (None, self._local.engine_platform)
        allowed = self._choice is not ImageChoice.REGISTRY
        if request.standin is None or foreign or not allowed:
            fault = "there is no stand-in for it" if allowed else "a stand-in was ruled out"
            raise ImageNotAvailable(
                f"There is no image for {name}: it is not on this engine, {refusal},"
                f" and {fault}{'' if allowed else ' (images: registry)'}. Connect to the registry"
                " and try again, or bring the image from another machine with `docker save` and"
                " `docker load`."
            )
        if not self._standins.present(request.standin):
            self._announce(Progress(f"building a stand-in for {name}, because {refusal}"))
        try:
            reference = self._standins.ensure(request.standin)
        except ImageNotAvailable as error:
            raise ImageNotAvailable(
                f"There is no image for {name}: it is not on this engine, {refusal},"
                f" and its stand-in could not be built: {error.message}"
            ) from error
        return Found(reference, stands_in_for=name, reason=refusal)

    def _status(
        self, id: str, request: ImageRequest, here: Mapping[str, Any], pullable: bool
    ) -> RuntimeStatus:
        if self._prefers(request):
            if request.reference in here:
                size = number(here[request.reference], "Size") or None
                return RuntimeStatus(id, request.reference, ImageStatus.PRESENT, size)
            if request.reference and pullable:
                return RuntimeStatus(id, request.reference, ImageStatus.PULLABLE)
        if request.standin is None or self._choice is ImageChoice.REGISTRY:
            return RuntimeStatus(id, request.reference, ImageStatus.NOT_AVAILABLE)
        image = here.get(self._standins.tag(request.standin))
        if image and self._standins.is_current(request.standin, at(image, "Labels") or {}):
            size = number(image, "Size") or None
            return RuntimeStatus(id, request.reference, ImageStatus.STANDIN, size)
        return RuntimeStatus(id, request.reference, ImageStatus.STANDIN_NOT_BUILT)
