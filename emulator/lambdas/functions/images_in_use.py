"""The image in which each runtime and each image function runs, as it was last found."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from taskdock.base.errors import EngineError
from taskdock.engines.images import Found
from taskdock.lambdas.functions.function import Function

_REMEMBERED = 200  # uses; the first ones go first
ImageOf = Callable[[Function], Found]
"""Finds the image that a function runs in. That may take long (a pull, a build) and raise
`EngineError`."""


class ImageState(str, Enum):
    AWAITED = "awaited"
    """The image is looked for: pulled, or built."""
    READY = "ready"
    MISSING = "missing"


@dataclass(frozen=True)
class ImageUse:
    requested: str  # a runtime's id, or an image function's image
    state: ImageState
    found: Found | None = None
    reason: str = ""  # why it is missing


class ImagesInUse:
    """An `ImageOf` that keeps the images that it has found, for reports. For any thread."""

    def __init__(self, image_of: ImageOf) -> None:
        self._image_of = image_of
        self._lock = threading.Lock()
        self._uses: dict[str, ImageUse] = {}

    def __call__(self, function: Function) -> Found:
        name = function.image or function.runtime or ""
        with self._lock:  # an image that was found stays in the report meanwhile
            before = self._uses.get(name)
            if before is None or before.state is ImageState.MISSING:
                self._uses[name] = ImageUse(name, ImageState.AWAITED)
        try:
            found = self._image_of(function)
        except EngineError as error:
            self._note(ImageUse(name, ImageState.MISSING, reason=error.message))
            raise
        self._note(ImageUse(name, ImageState.READY, found))
        return found

    def last(self, function: Function) -> str:
        """The reference of the image in which a function like this one ran last, "" where none has
        been found yet. It looks for none."""
        with self._lock:
            use = self._uses.get(function.image or function.runtime or "")
        return "" if use is None or use.found is None else use.found.reference

    def report(self) -> list[ImageUse]:
        with self._lock:
            return list(self._uses.values())

    def _note(self, use: ImageUse) -> None:
        with self._lock:
            self._uses[use.requested] = use
            if len(self._uses) > _REMEMBERED:
                del self._uses[next(iter(self._uses))]
