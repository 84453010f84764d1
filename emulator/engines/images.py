"""From the image a function asks for to one the engine can run: here, pulled, or a stand-in.

Owns the order of these three, the memory that a registry could not be reached, and what becomes of
an image that is for another kind of processor than the engine's. How far a pull or
a build is goes to the `announce` callback; nothing is printed here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from pathlib import Path
from typing import Any

from docker import DockerClient
from docker.errors import APIError, ContainerError, DockerException, ImageNotFound
from docker.models.images import Image
from docker.utils import parse_repository_tag
from requests.exceptions import RequestException

from emulator.clock import Clock, SystemClock
from emulator.engines.standins import Announce, Progress, Standins, exclusive
from emulator.errors import EngineError, EngineUnreachable, ImageNotAvailable

PROBE_LIMIT = 2.0  # seconds a registry gets to answer
SILENCE = 300.0  # seconds an unreachable registry is not asked again

_PLATFORMS = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}
_ANY = "auto"

DEFAULT_CACHE = Path.home() / ".cache" / "taskdock"


@dataclass(frozen=True)
class ImageRequest:
    """An image by reference (empty: none was ever published) and the recipe that may stand in."""

    reference: str
    standin: str | None = None


@dataclass(frozen=True)
class _Known:
    """What was found for a request; a stand-in counts for a while, since a registry may be back."""

    reference: str
    id: str
    since: float  # by the clock's monotonic time


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
        cache: Path = DEFAULT_CACHE,
        clock: Clock | None = None,
        standins: Standins | None = None,
        architecture: str = _ANY,
    ) -> None:
        """`architecture`: x86_64, arm64, or auto, which is the engine's."""
        self._platform = platform(architecture)
        self._known: dict[ImageRequest, _Known] = {}
        self._foreign: set[str] = set()  # ids of images that were seen to run by emulation
        self._client = client
        self._announce = announce
        self._cache = cache
        self._clock = clock or SystemClock()
        self._standins = standins or Standins(client, announce, cache=cache)

    def ensure(self, request: ImageRequest) -> str:
        """The reference to run. Who asks for what another is pulling or building waits for it.

        Raises `ImageNotAvailable`, also when the engine cannot run what there is.
        """
        with _engine_answers():
            known = self._known.get(request)
            if known is not None and self._holds(request, known):
                return known.reference
            reference = self._find(request)
            image = self._check_processor(reference)
            self._known[request] = _Known(reference, str(image.id), self._clock.monotonic())
            return reference

    def _holds(self, request: ImageRequest, known: _Known) -> bool:
        """Whether looking again would find the same: every start asks, so this is the short way."""
        stands_in = known.reference != request.reference
        old = self._clock.monotonic() - known.since > SILENCE
        if stands_in and (old or self._here(request.reference)):
            return False
        try:
            return self._client.images.get(known.reference).id == known.id
        except ImageNotFound:
            return False

    def _find(self, request: ImageRequest) -> str:
        if self._here(request.reference):
            return request.reference
        wanted = request.reference or request.standin or "nothing"
        with exclusive(self._cache / "locks" / _file_name(wanted)):
            if self._here(request.reference):
                return request.reference
            refusal = self._pull(request.reference)
            if refusal is None:
                return request.reference
            return self._stand_in(request, refusal)

    def survey(self, requests: Mapping[str, ImageRequest]) -> list[RuntimeStatus]:
        """What `ensure` would find for each runtime id, asking a registry once at most."""
        with _engine_answers():
            images = self._client.api.images()
        here = {tag: image for image in images for tag in image["RepoTags"] or ()}
        wanted = (request.reference for request in requests.values() if request.reference)
        missing = next((reference for reference in wanted if reference not in here), None)
        pullable = missing is not None and self._knock(missing) is None
        return [self._status(id, request, here, pullable) for id, request in requests.items()]

    def _status(
        self, id: str, request: ImageRequest, here: Mapping[str, Any], pullable: bool
    ) -> RuntimeStatus:
        if request.reference in here:
            size = here[request.reference]["Size"]
            return RuntimeStatus(id, request.reference, ImageStatus.PRESENT, size)
        if request.reference and pullable:
            return RuntimeStatus(id, request.reference, ImageStatus.PULLABLE)
        if request.standin is None:
            return RuntimeStatus(id, request.reference, ImageStatus.NOT_AVAILABLE)
        image = here.get(self._standins.tag(request.standin))
        if image and self._standins.is_current(request.standin, image["Labels"] or {}):
            return RuntimeStatus(id, request.reference, ImageStatus.STANDIN, image["Size"])
        return RuntimeStatus(id, request.reference, ImageStatus.STANDIN_NOT_BUILT)

    def _here(self, reference: str) -> bool:
        if not reference:
            return False
        try:
            image = self._client.images.get(reference)
        except ImageNotFound:
            return False
        return self._platform in (None, _platform_of(image))

    def _check_processor(self, reference: str) -> Image:
        """Warns of an image for another processor than the engine's, once; refuses what fails."""
        image = self._client.images.get(reference)
        own = self._own_platform
        if _platform_of(image) == own or image.id in self._foreign:
            return image
        what = f"{reference} is for {_platform_of(image)} and the engine is {own}"
        try:
            self._client.containers.run(
                reference, entrypoint=["/bin/sh", "-c", ":"], network_disabled=True, remove=True
            )
        except (ContainerError, APIError):
            raise ImageNotAvailable(
                f"{what}, which cannot run it: build the image for {own}, or give the engine an"
                " emulator (docker run --privileged --rm tonistiigi/binfmt --install all)"
            ) from None
        self._foreign.add(str(image.id))
        self._announce(Progress(f"{what}: it runs by emulation, several times slower"))
        return image

    @cached_property
    def _own_platform(self) -> str:
        return f"linux/{self._client.version()['Arch']}"

    def _stand_in(self, request: ImageRequest, refusal: str) -> str:
        wanted = request.reference or "this runtime, which has no public image"
        if self._platform is not None:
            wanted = f"{wanted} for {self._platform}"
        foreign = self._platform not in (None, self._own_platform)
        if request.standin is None or foreign:
            raise ImageNotAvailable(
                f"There is no image for {wanted}: it is not on this engine, {refusal},"
                " and there is no stand-in for it. Connect to the registry and try again, or bring"
                " the image from another machine with `docker save` and `docker load`."
            )
        if not self._standins.present(request.standin):
            self._announce(Progress(f"building a stand-in for {wanted}, because {refusal}"))
        try:
            return self._standins.ensure(request.standin)
        except ImageNotAvailable as error:
            raise ImageNotAvailable(
                f"There is no image for {wanted}: it is not on this engine, {refusal},"
                f" and its stand-in could not be built: {error.message}"
            ) from error

    def _pull(self, reference: str) -> str | None:
        """Pulls the image, or says why that cannot be."""
        if not reference:
            return "no registry has it"
        if self._is_silent(reference):
            return f"{_registry(reference)} could not be reached a moment ago"
        refusal = self._knock(reference)
        if refusal is not None:
            return refusal
        repository, tag = parse_repository_tag(reference)
        layers: dict[str, tuple[int, int]] = {}
        try:
            lines = self._client.api.pull(
                repository,
                tag=tag or "latest",
                stream=True,
                decode=True,
                platform=self._platform,
            )
            for line in lines:
                if "error" in line:
                    return f"pulling it failed ({line['error']})"
                self._announce(_pulled(reference, layers, line))
        except APIError as error:
            return f"pulling it failed ({error.explanation})"
        return None

    def _knock(self, reference: str) -> str | None:
        """None when the image's registry answers, else why not.

        The engine is made to ask, not this process: it may have a proxy or a mirror of its own.
        """
        api = self._client.api
        url = f"{api.base_url}/v{api.api_version}/distribution/{reference}/json"
        try:
            reply = api.get(url, timeout=PROBE_LIMIT)
            reason = reply.json()["message"] if reply.status_code >= 500 else None
        except RequestException:
            reason = f"no answer within {PROBE_LIMIT:.0f} seconds"
        silence = self._silence(reference)
        if reason is None:
            silence.unlink(missing_ok=True)
            return None
        silence.parent.mkdir(parents=True, exist_ok=True)
        silence.write_text(str(self._clock.now().timestamp()))
        return f"{_registry(reference)} cannot be reached ({reason})"

    def _is_silent(self, reference: str) -> bool:
        try:
            since = float(self._silence(reference).read_text())
        except (OSError, ValueError):
            return False
        return 0 <= self._clock.now().timestamp() - since < SILENCE

    def _silence(self, reference: str) -> Path:
        return self._cache / "silent" / _file_name(_registry(reference))


def platform(architecture: str) -> str | None:
    """The engine's word for x86_64 or arm64; None for auto."""
    return None if architecture == _ANY else _PLATFORMS[architecture]


def _platform_of(image: Image) -> str:
    return f"linux/{image.attrs['Architecture']}"


def build_folder(client: DockerClient, folder: Path, *, tag: str, base: str) -> str:
    """Builds a folder's Dockerfile with `base` as its argument BASE; returns the tag."""
    with _engine_answers():
        client.images.build(path=str(folder), tag=tag, buildargs={"BASE": base}, rm=True)
    return tag


@contextmanager
def _engine_answers() -> Iterator[None]:
    try:
        yield
    except APIError as error:
        raise EngineError(f"the Docker Engine refused: {error.explanation}") from error
    except (DockerException, RequestException) as error:
        raise EngineUnreachable(f"the Docker Engine does not answer: {error}") from error


def _registry(reference: str) -> str:
    """The host in a reference, by Docker's rule: a part before a slash with a dot or a colon."""
    first, slash, _ = reference.partition("/")
    return first if slash and re.search(r"[.:]|^localhost$", first) else "docker.io"


def _pulled(
    reference: str, layers: dict[str, tuple[int, int]], line: Mapping[str, Any]
) -> Progress:
    """Notes one line of the engine's report in `layers` and sums them up."""
    layer, status = str(line.get("id", "")), line.get("status")
    detail = line.get("progressDetail") or {}
    if status == "Downloading" and "total" in detail:
        layers[layer] = (detail["current"], detail["total"])
    elif status == "Download complete" and layer in layers:
        layers[layer] = (layers[layer][1], layers[layer][1])
    if not layers:
        return Progress(f"pulling {reference}")
    done, total = (sum(amounts) for amounts in zip(*layers.values(), strict=True))
    return Progress(f"pulling {reference}", done, total)


def _file_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "_", text)
