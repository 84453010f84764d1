"""The images that functions run in: which one, made sure of, with its progress on the terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from emulator.engines.docker import connect
from emulator.engines.images import ImageRequest, Images, RuntimeStatus, build_folder
from emulator.engines.locate import find_engine
from emulator.engines.standins import Announce, Progress
from emulator.functions import runtimes
from emulator.functions.function import Function

_SAMPLE_BASE = "python3.11"  # the runtime that the Dockerfiles of samples build on


def image_request(function: Function) -> ImageRequest:
    if function.image is not None:
        return ImageRequest(function.image)
    assert function.runtime is not None, "a function has an image or a runtime"
    return _runtime_request(function.runtime)


def survey_runtimes() -> list[RuntimeStatus]:
    """Every runtime of AWS Lambda, and whether its image is here or can be had."""
    images = Images(connect(find_engine(os.environ)), announcer(sys.stderr))
    return images.survey({id: _runtime_request(id) for id in runtimes.catalog()})


def ensure_images(ids: Iterable[str]) -> dict[str, str]:
    """Makes sure of the images of these runtimes; the reference that each one runs from."""
    images = Images(connect(find_engine(os.environ)), announcer(sys.stderr))
    return {id: images.ensure(_runtime_request(id)) for id in ids}


def build_sample_image(folder: Path) -> str:
    """Builds a folder's Dockerfile on the image that we have for its base; returns the tag."""
    client = connect(find_engine(os.environ))
    base = Images(client, announcer(sys.stderr)).ensure(_runtime_request(_SAMPLE_BASE))
    return build_folder(client, folder, tag=f"taskdock-sample/{folder.name}:latest", base=base)


def announcer(stream: TextIO) -> Announce:
    """Writes the progress of pulls and builds as lines, one for each tenth of a pull."""
    shown: dict[str, int] = {}

    def announce(progress: Progress) -> None:
        if progress.total:
            tenth = 10 * (progress.done or 0) // progress.total
            if shown.get(progress.what) == tenth:
                return
            shown[progress.what] = tenth
            print(f"{progress.what}: {tenth * 10} %", file=stream, flush=True)
        else:
            print(progress.what, file=stream, flush=True)

    return announce


def _runtime_request(id: str) -> ImageRequest:
    runtime = runtimes.find(id)
    return ImageRequest(runtime.image, runtime.standin)
