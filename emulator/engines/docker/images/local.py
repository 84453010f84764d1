"""The images that are on an engine already, and the processors that they are for."""

from __future__ import annotations

from functools import cached_property

from docker import DockerClient
from docker.errors import ImageNotFound
from docker.models.images import Image

from taskdock.engines.docker.facts import text


class LocalImages:
    """Every method raises what docker-py and requests raise."""

    def __init__(self, client: DockerClient, platform: str | None) -> None:
        """`platform`: the one that images are asked for, such as linux/arm64; None: any."""
        self._client = client
        self._platform = platform

    @cached_property
    def engine_platform(self) -> str | None:
        """The engine's own; None: the engine does not say."""
        architecture = text(self._client.version(), "Arch")
        return f"linux/{architecture}" if architecture else None

    def holds(self, reference: str) -> bool:
        """Whether the image is here, for the platform that is asked for."""
        if not reference:
            return False
        try:
            image = self._client.images.get(reference)
        except ImageNotFound:
            return False
        return self._platform in (None, platform_of(image) or self._platform)

    def is_still(self, reference: str, id: str) -> bool:
        """Whether the reference leads to the image with this id."""
        try:
            return id_of(self._client.images.get(reference)) == id
        except ImageNotFound:
            return False

    def get(self, reference: str) -> Image:
        return self._client.images.get(reference)


def id_of(image: Image) -> str:
    return text(image.attrs, "Id")


def architecture_of(image: Image) -> str:
    """In Docker's words: amd64, arm64; empty: the engine does not say."""
    return text(image.attrs, "Architecture")


def platform_of(image: Image) -> str | None:
    architecture = architecture_of(image)
    return f"linux/{architecture}" if architecture else None
