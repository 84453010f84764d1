"""The ImageSource protocol: the images that functions run in. Values only.

An engine brings its own source beside it: another engine keeps, pulls and builds images in its own
way. A reference is an OCI reference, such as public.ecr.aws/lambda/python:3.11.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Protocol

STANDIN_PREFIX = "taskdock/standin-"

ANY_ARCHITECTURE = "auto"
"""The setting that leaves the processor to the engine."""
_PLATFORMS = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}


@dataclass(frozen=True)
class ImageRequest:
    """An image by reference (empty: none was ever published) and the recipe that may stand in."""

    reference: str
    standin: str | None = None


@dataclass(frozen=True)
class Found:
    """An image that the engine can run."""

    reference: str
    stands_in_for: str = ""
    """The image that was asked for, when this is a stand-in."""
    reason: str = ""
    """Why it is a stand-in."""


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


@dataclass(frozen=True)
class Progress:
    """The progress of a pull or a build; bytes for a pull, steps for a build, None when unknown."""

    what: str
    done: int | None = None
    total: int | None = None


Announce = Callable[[Progress], None]
"""Is told how far a pull or a build is, on the thread that pulls or builds."""


class ImageSource(Protocol):
    """Every method is for any thread but the reactor's, and may take minutes.

    All of them raise `EngineUnreachable` when the engine does not answer.
    """

    def find(self, request: ImageRequest, *, anew: bool = False) -> Found:
        """The image to run: one that is here, one that is pulled now, or a stand-in. A caller whose
        image another thread is pulling or building waits for that thread.

        `anew`: a registry is asked also when it could not be reached a moment ago. Raises
        `ImageNotAvailable`, also when the engine cannot run the image that there is.
        """

    def survey(self, requests: Mapping[str, ImageRequest]) -> list[RuntimeStatus]:
        """The image that `find` would give for each runtime id. Nothing is pulled or built; a
        registry is asked once at most."""

    def build(self, folder: Path, *, tag: str, base: str) -> str:
        """Builds a folder's Dockerfile, with `base` as its argument BASE; returns the tag. Raises
        `EngineError`."""


def is_standin(reference: str) -> bool:
    return reference.startswith(STANDIN_PREFIX)


def platform(architecture: str) -> str | None:
    """The OCI platform, such as linux/arm64, for the setting x86_64 or arm64; None for auto.

    https://github.com/opencontainers/image-spec/blob/main/image-index.md
    """
    return None if architecture == ANY_ARCHITECTURE else _PLATFORMS[architecture]
