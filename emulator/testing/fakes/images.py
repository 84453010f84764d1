"""FakeImages: an ImageSource that knows images by their names alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from taskdock.base.errors import EngineError, EngineUnreachable, ImageNotAvailable
from taskdock.engines import references
from taskdock.engines.images import (
    STANDIN_PREFIX,
    Found,
    ImageRequest,
    ImageStatus,
    RuntimeStatus,
)


class FakeImages:
    """For any thread. A test says which images there are."""

    def __init__(self, *here: str) -> None:
        """`here`: references of images that are on the engine already."""
        self.here = set(here)
        self.pullable: set[str] = set()
        """References of images that a registry has."""
        self.recipes: set[str] = set()
        """Names of recipes by which stand-ins can be built, such as python:3.11."""
        self.built: list[tuple[Path, str]] = []
        """Every folder that was built, with its base."""
        self.silence = ""
        """Why the engine does not answer."""

    def find(self, request: ImageRequest, *, anew: bool = False) -> Found:
        if request.reference and references.fault(request.reference):
            raise ImageNotAvailable(references.refusal(request.reference))
        self._check()
        if request.reference in self.pullable:
            self.here.add(request.reference)
        if request.reference in self.here:
            return Found(request.reference)
        name = request.reference or "this runtime"
        if request.standin not in self.recipes:
            raise ImageNotAvailable(f"There is no image for {name}: no registry has it.")
        tag = f"{STANDIN_PREFIX}{request.standin}"
        self.here.add(tag)
        return Found(tag, stands_in_for=name, reason="no registry has it")

    def survey(self, requests: Mapping[str, ImageRequest]) -> list[RuntimeStatus]:
        self._check()
        return [
            RuntimeStatus(id, request.reference, self._status(request))
            for id, request in requests.items()
        ]

    def build(self, folder: Path, *, tag: str, base: str) -> str:
        self._check()
        if not (folder / "Dockerfile").is_file() or base not in self.here:
            raise EngineError(f"{folder} cannot be built on {base}")
        self.built.append((folder, base))
        self.here.add(tag)
        return tag

    def _status(self, request: ImageRequest) -> ImageStatus:
        if request.reference in self.here:
            return ImageStatus.PRESENT
        if request.reference in self.pullable:
            return ImageStatus.PULLABLE
        if request.standin not in self.recipes:
            return ImageStatus.NOT_AVAILABLE
        is_here = f"{STANDIN_PREFIX}{request.standin}" in self.here
        return ImageStatus.STANDIN if is_here else ImageStatus.STANDIN_NOT_BUILT

    def _check(self) -> None:
        if self.silence:
            raise EngineUnreachable(self.silence)
