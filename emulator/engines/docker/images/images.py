"""From the image a function asks for to one the engine can run: here, pulled, or a stand-in.

Owns the order of these three, what is asked again and when, and what becomes of an image that is
for another kind of processor than the engine's. How far a pull or a build is, and that a stand-in
is taken, goes to the `announce` callback; nothing is printed here.
"""

from __future__ import annotations

import math
import os
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from docker import DockerClient
from docker.errors import APIError, DockerException, ImageNotFound
from docker.models.images import Image
from requests.exceptions import RequestException

from emulator.base.errors import EngineError, EngineUnreachable, ImageNotAvailable, TaskdockError
from emulator.base.files import places
from emulator.base.settings import ImageChoice
from emulator.base.timing.clock import Clock, SystemClock
from emulator.engines import references
from emulator.engines.docker import faults
from emulator.engines.docker.images import registry
from emulator.engines.docker.images.inquiries import ask_registry
from emulator.engines.docker.images.processors import Processors
from emulator.engines.docker.images.pull import Puller
from emulator.engines.docker.images.registry import Fault, Memory, file_name, registry_of
from emulator.engines.facts import at, items, number, text
from emulator.engines.source import Found
from emulator.engines.standins.standins import Announce, Progress, Standins, exclusive

_PLATFORMS = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}
_ANY = "auto"
_NEVER = math.inf


@dataclass(frozen=True)
class ImageRequest:
    """An image by reference (empty: none was ever published) and the recipe that may stand in."""

    reference: str
    standin: str | None = None


@dataclass(frozen=True)
class _Known:
    """What was found for a request; a stand-in counts for a while, since a registry may be back."""

    found: Found
    id: str
    again: float  # when to look for something better, by the clock's monotonic time


class ImageStatus(str, Enum):
    PRESENT = "present"
    PULLABLE = "pullable"
    STANDIN = "stand-in"
    STANDIN_NOT_BUILT = "stand-in (not built)"
    NOT_AVAILABLE = "not available"


@dataclass(frozen=True)
class RuntimeStatus:
    id: str
    image: str
    status: ImageStatus
    size: int | None = None  # bytes, when an image for it is here


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
        architecture: str = _ANY,
        choice: ImageChoice = ImageChoice.AUTO,
    ) -> None:
        """`cache`: None is this user's. `architecture`: x86_64, arm64, or auto: the engine's.

        Raises `StartupError` where no folder can be written.
        """
        self._platform = platform(architecture)
        self._choice = choice
        self._known: dict[ImageRequest, _Known] = {}
        self._foreign: set[str] = set()  # ids of images for another processor that may run here
        self._client = client
        self._announce = announce
        self._cache = cache or places.cache(os.environ, lambda line: announce(Progress(line)))
        self._clock = clock or SystemClock()
        self._memory = Memory(self._cache / "silent", self._clock)
        self._standins = standins or Standins(client, announce, cache=self._cache)
        self._puller = puller or Puller(client, announce)
        self._processors = processors or Processors(client.api)

    def ensure(self, request: ImageRequest, *, anew: bool = False) -> str:
        """The reference to run, as `find` finds it."""
        return self.find(request, anew=anew).reference

    def find(self, request: ImageRequest, *, anew: bool = False) -> Found:
        """The image to run. Who asks for what another is pulling or building waits for it.

        `anew`: ask the registry also when it could not be reached a moment ago. Raises
        `ImageNotAvailable`, also when the engine cannot run what there is.
        """
        if request.reference and references.fault(request.reference):
            raise ImageNotAvailable(references.refusal(request.reference))
        with _engine_answers():
            known = None if anew else self._known.get(request)
            if known is None or not self._holds(request, known):
                return self._look(request, anew)
            if self._clock.monotonic() >= known.again:
                self._look_behind(request, known)
            return known.found

    def _look(self, request: ImageRequest, anew: bool) -> Found:
        found, wait = self._find(request, anew)
        image = self._check_processor(found.reference)
        before = self._known.get(request)
        if before is None or before.found.reference != found.reference:
            self._tell(found, before)
        self._known[request] = _Known(found, _id(image), self._clock.monotonic() + wait)
        return found

    def _look_behind(self, request: ImageRequest, known: _Known) -> None:
        """A registry is asked again while the stand-in is used: a start need not wait for it."""
        self._known[request] = replace(known, again=_NEVER)

        def look() -> None:
            try:
                with _engine_answers():
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
        """Whether what was found is still there, and nothing better: every start asks this."""
        if self._prefers(request) and known.found.stands_in_for and self._here(request.reference):
            return False
        try:
            return _id(self._client.images.get(known.found.reference)) == known.id
        except ImageNotFound:
            return False

    def _prefers(self, request: ImageRequest) -> bool:
        """Whether the image that is asked for comes before its stand-in."""
        return request.standin is None or self._choice is not ImageChoice.STANDIN

    def _find(self, request: ImageRequest, anew: bool) -> tuple[Found, float]:
        """The image, and for how many seconds that counts."""
        here = Found(request.reference)
        if not self._prefers(request):
            return self._stand_in(request, "that was asked for (images: standin)"), _NEVER
        if self._here(request.reference):
            return here, _NEVER
        if self._choice is ImageChoice.STANDIN:
            raise ImageNotAvailable(
                f"There is no stand-in for {request.reference or 'this runtime'}, it is not on this"
                " engine, and nothing is pulled (images: standin)."
            )
        wanted = request.reference or request.standin or "nothing"
        waiting = Progress(f"{wanted}: waiting for another pull or build to end")
        lock = self._cache / "locks" / file_name(wanted)
        with exclusive(lock, lambda: self._announce(waiting)):
            if self._here(request.reference):
                return here, _NEVER
            refusal = self._pull(request.reference, anew)
            if refusal is None:
                return here, _NEVER
            found = self._stand_in(request, refusal)
            wait = self._memory.wait(registry_of(request.reference))
            return found, wait or registry.LONGEST_WAIT

    def survey(self, requests: Mapping[str, ImageRequest]) -> list[RuntimeStatus]:
        """What `ensure` would find for each runtime id, asking a registry once at most."""
        with _engine_answers():
            images = self._client.api.images()
        here = {tag: image for image in images for tag in items(image, "RepoTags")}
        wanted = (request.reference for request in requests.values() if request.reference)
        missing = next((reference for reference in wanted if reference not in here), None)
        pullable = (
            missing is not None
            and self._choice is not ImageChoice.STANDIN
            and self._knock(missing) is not Fault.UNREACHABLE
        )
        return [self._status(id, request, here, pullable) for id, request in requests.items()]

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

    def _here(self, reference: str) -> bool:
        if not reference:
            return False
        try:
            image = self._client.images.get(reference)
        except ImageNotFound:
            return False
        return self._platform in (None, _platform_of(image) or self._platform)

    def _check_processor(self, reference: str) -> Image:
        """Warns of an image for another processor than the engine's, once; refuses what fails."""
        image = self._client.images.get(reference)
        made_for, own = _platform_of(image), self._own_platform
        if None in (made_for, own) or made_for == own or _id(image) in self._foreign:
            return image
        what = f"{reference} is for {made_for} and the engine is {own}"
        runs = self._processors.runs(_architecture_of(image))
        if runs is False:
            raise ImageNotAvailable(
                f"{what}, which cannot run it: build the image for {own}, or give the engine an"
                " emulator (docker run --privileged --rm tonistiigi/binfmt --install all)"
            )
        self._foreign.add(_id(image))
        seen = "it runs by emulation, several times slower"
        told = seen if runs else "whether it can run shows when a function of it is called"
        self._announce(Progress(f"{what}: {told}"))
        return image

    @cached_property
    def _own_platform(self) -> str | None:
        """None: the engine does not say."""
        architecture = text(self._client.version(), "Arch")
        return f"linux/{architecture}" if architecture else None

    def _stand_in(self, request: ImageRequest, refusal: str) -> Found:
        wanted = request.reference or "this runtime, which has no public image"
        if self._platform is not None:
            wanted = f"{wanted} for {self._platform}"
        foreign = self._platform not in (None, self._own_platform)
        allowed = self._choice is not ImageChoice.REGISTRY
        if request.standin is None or foreign or not allowed:
            fault = "there is no stand-in for it" if allowed else "a stand-in was ruled out"
            raise ImageNotAvailable(
                f"There is no image for {wanted}: it is not on this engine, {refusal},"
                f" and {fault}{'' if allowed else ' (images: registry)'}. Connect to the registry"
                " and try again, or bring the image from another machine with `docker save` and"
                " `docker load`."
            )
        if not self._standins.present(request.standin):
            self._announce(Progress(f"building a stand-in for {wanted}, because {refusal}"))
        try:
            reference = self._standins.ensure(request.standin)
        except ImageNotAvailable as error:
            raise ImageNotAvailable(
                f"There is no image for {wanted}: it is not on this engine, {refusal},"
                f" and its stand-in could not be built: {error.message}"
            ) from error
        return Found(reference, stands_in_for=wanted, reason=refusal)

    def _pull(self, reference: str, anew: bool) -> str | None:
        """Pulls the image, or says why that cannot be."""
        if not reference:
            return "no registry has it"
        host = registry_of(reference)
        wait = 0.0 if anew else self._memory.wait(host)
        if wait:
            return f"{self._memory.reason(host)}, a moment ago; it is asked again in {wait:.0f} s"
        refusal = self._puller.pull(reference, self._platform)
        if refusal is not None:
            if refusal.fault is Fault.UNREACHABLE:
                self._memory.failed(host, refusal.message)
            return refusal.message
        self._memory.answered(host)
        if self._here(reference):
            return None
        if self._platform is None:
            return f"pulling it from {host} ended without it"
        return f"{host} has it only for another processor than {self._platform}"

    def _knock(self, reference: str) -> Fault | None:
        """None when the image's registry answers; an engine that has no such question, too."""
        host = registry_of(reference)
        self._announce(Progress(f"asking {host}"))
        asked = ask_registry(self._client, reference)
        if asked is None:
            return None
        if asked.fault is None:
            self._memory.answered(host)
        return asked.fault


def platform(architecture: str) -> str | None:
    """The engine's word for x86_64 or arm64; None for auto."""
    return None if architecture == _ANY else _PLATFORMS[architecture]


def build_folder(client: DockerClient, folder: Path, *, tag: str, base: str) -> str:
    """Builds a folder's Dockerfile with `base` as its argument BASE; returns the tag."""
    with _engine_answers(), _context(folder) as context:
        client.images.build(
            fileobj=context, custom_context=True, tag=tag, buildargs={"BASE": base}, rm=True
        )
    return tag


@contextmanager
def _context(folder: Path) -> Iterator[IO[bytes]]:
    """The folder for a build, readable for Lambda's user also when it is ours alone (umask 077)."""

    def readable(entry: tarfile.TarInfo) -> tarfile.TarInfo:
        entered = 0o111 if entry.isdir() or entry.mode & 0o100 else 0
        entry.mode |= 0o444 | entered
        entry.uid = entry.gid = 0  # as in any image; otherwise each user's would be another
        return entry

    with tempfile.TemporaryFile() as file:
        with tarfile.open(fileobj=file, mode="w") as archive:
            archive.add(folder, arcname=".", filter=readable)
        file.seek(0)
        yield file


@contextmanager
def _engine_answers() -> Iterator[None]:
    try:
        yield
    except APIError as error:
        fault = faults.told(error, "the Docker Engine refused")
        own = isinstance(fault, EngineUnreachable)
        raise (fault if own else EngineError(fault.message)) from error
    except (DockerException, RequestException) as error:
        why = faults.silence(error)
        raise EngineUnreachable(f"the Docker Engine does not answer: {why}") from error


def _id(image: Image) -> str:
    return text(image.attrs, "Id")


def _architecture_of(image: Image) -> str:
    return text(image.attrs, "Architecture")


def _platform_of(image: Image) -> str | None:
    architecture = _architecture_of(image)
    return f"linux/{architecture}" if architecture else None
