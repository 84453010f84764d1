"""Images that tests build for themselves."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping

import docker

from taskdock.base import ids


class Workshop:
    """Builds images under names of its own, and removes them."""

    def __init__(self, client: docker.DockerClient) -> None:
        self._client = client
        self._name = f"taskdock-test/{ids.word(8)}"
        self._built: list[str] = []

    def build(self, tag: str, dockerfile: str, **files: str) -> str:
        """An image, with these files in its context; its reference."""
        texts = {"Dockerfile": dockerfile, **files}
        context = io.BytesIO(tar_of({name: text.encode() for name, text in texts.items()}))
        reference = f"{self._name}:{tag}"
        self._client.images.build(fileobj=context, custom_context=True, tag=reference, rm=True)
        self._built.append(reference)
        return reference

    def clear(self) -> None:
        for reference in reversed(self._built):
            self._client.images.remove(reference)


def tar_of(files: Mapping[str, bytes]) -> bytes:
    """Every one of them executable."""
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
    return target.getvalue()
