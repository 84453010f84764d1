"""Finds, pulls and builds the images that functions run in, and shows the progress of that."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TextIO

from taskdock.base import terminal
from taskdock.base.settings import ImageChoice
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.engines.connect import connect
from taskdock.engines.images import (
    Announce,
    Found,
    ImageRequest,
    ImageSource,
    ImageStatus,
    Progress,
    RuntimeStatus,
)
from taskdock.lambdas.functions import runtimes
from taskdock.lambdas.functions.function import Function

Show = Callable[[str], object]

_SAMPLE_BASE = "python3.11"  # the runtime that the Dockerfiles of samples build on
_SECONDS_BETWEEN = 5.0


def _on_stderr(line: str) -> None:
    terminal.write_line(line, sys.stderr)


def _on_nothing(line: str) -> None:
    del line


def image_request(function: Function) -> ImageRequest:
    if function.image is not None:
        return ImageRequest(function.image)
    assert function.runtime is not None, "a function has an image or a runtime"
    return _runtime_request(function.runtime)


def survey_runtimes(
    choice: ImageChoice = ImageChoice.AUTO, show: Show = _on_stderr
) -> list[RuntimeStatus]:
    """Every runtime of AWS Lambda, and whether its image is here or can be had."""
    images = _images(choice, show)
    return images.survey({id: _runtime_request(id) for id in runtimes.known()})


def why_no_image(runtime: str | None, image: str | None, show: Show = _on_nothing) -> str | None:
    """Why no image can be had for a runtime, or for an image reference; None: one can be had, as
    far as can be known without pulling it."""
    request = ImageRequest(image) if image is not None else _runtime_request(runtime or "")
    (found,) = _images(ImageChoice.AUTO, show).survey({image or runtime or "": request})
    if found.status is not ImageStatus.NOT_AVAILABLE:
        return None
    if image is not None:
        return f"the image {image} is not here, and its registry cannot be reached"
    why = "cannot be pulled" if request.reference else "is published nowhere"
    return f"no image for {runtime}: AWS's {why}, and there is no stand-in for it"


def ensure_images(
    ids: Iterable[str], choice: ImageChoice = ImageChoice.AUTO, show: Show = _on_stderr
) -> dict[str, Found]:
    """Makes sure of the images of these runtimes; what each one runs in.

    A registry is asked also when it could not be reached a moment ago.
    """
    requests = {id: _runtime_request(id) for id in ids}  # first: a mistake needs no engine
    images = _images(choice, show)
    return {id: images.find(request, anew=True) for id, request in requests.items()}


def build_sample_image(
    folder: Path, choice: ImageChoice = ImageChoice.AUTO, show: Show = _on_stderr
) -> str:
    """Builds a folder's Dockerfile on the image that we have for its base; returns the tag."""
    images = _images(choice, show)
    base = images.find(_runtime_request(_SAMPLE_BASE)).reference
    return images.build(folder, tag=f"taskdock-sample/{folder.name}:latest", base=base)


def announcer(stream: TextIO) -> Announce:
    """Writes the progress of pulls and builds as lines."""
    return teller(lambda line: terminal.write_line(line, stream))


def teller(show: Show, clock: Clock | None = None) -> Announce:
    """Shows the progress of pulls and builds as lines: one for each tenth of what has a size, or
    after a few seconds; and none twice in a row."""
    clock = clock or SystemClock()
    shown: dict[str, tuple[int, float]] = {}  # percent, and the time when it was shown
    last = ""

    def announce(progress: Progress) -> None:
        nonlocal last
        line = progress.what
        if progress.total:
            percent = 100 * (progress.done or 0) // progress.total
            before, since = shown.get(line, (-10, -math.inf))
            now = clock.monotonic()
            late = percent != before and now - since >= _SECONDS_BETWEEN
            if percent // 10 == before // 10 and not late:
                return
            shown[line] = percent, now
            line = f"{line}: {percent} %"
        if line != last:
            last = line
            show(line)

    return announce


def _images(choice: ImageChoice, show: Show) -> ImageSource:
    return connect(os.environ).images(teller(show), choice)


def _runtime_request(id: str) -> ImageRequest:
    runtime = runtimes.find(id)
    return ImageRequest(runtime.image, runtime.standin)
