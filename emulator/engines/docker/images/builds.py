"""Images that are built here: stand-ins, and folders of users that have a Dockerfile."""

from __future__ import annotations

import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from docker import DockerClient
from docker.errors import APIError, ImageNotFound

from taskdock.base.errors import ImageNotAvailable
from taskdock.engines.docker.facts import at, text
from taskdock.engines.images import Progress


class StandinBuilder:
    """Docker's part of the making of stand-ins (`standins.standins.Builder`)."""

    def __init__(self, client: DockerClient) -> None:
        self._client = client

    def architecture(self) -> str:
        return text(self._client.version(), "Arch")

    def find(self, tag: str) -> tuple[str, Mapping[str, str]] | None:
        try:
            image = self._client.images.get(tag)
        except ImageNotFound:
            return None
        return text(image.attrs, "Id"), at(image.attrs, "Config", "Labels") or {}

    def build(
        self, folder: Path, *, tag: str, arguments: Mapping[str, str], labels: Mapping[str, str]
    ) -> Iterator[Progress]:
        lines = self._client.api.build(
            path=str(folder),
            tag=tag,
            buildargs=dict(arguments),
            labels=dict(labels),
            network_mode="host",  # the mirrors are reachable from here, perhaps not from a bridge
            rm=True,
            forcerm=True,
            decode=True,
        )
        last_words: list[str] = []
        for line in lines:
            words = str(line.get("stream", "")).strip()
            last_words = [*last_words[-8:], words] if words else last_words
            if words.startswith("Step "):
                done, total = words.split()[1].split("/")
                # A step is counted when it begins: the last one is not done at its number.
                yield Progress(f"{tag}: assembling", int(done) - 1, int(total))
            if "error" in line:
                raise ImageNotAvailable("\n".join([f"building {tag} failed:", *last_words]))

    def remove(self, id: str) -> None:
        with suppress(APIError):  # something still runs on it
            self._client.images.remove(id)


def build_folder(client: DockerClient, folder: Path, *, tag: str, base: str) -> str:
    """Builds a folder's Dockerfile with `base` as its argument BASE; returns the tag. Raises what
    docker-py and requests raise."""
    with _context(folder) as context:
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
