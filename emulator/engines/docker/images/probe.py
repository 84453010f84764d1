"""The probe: a small image of taskdock's own, to try things in.

It holds one static program, busybox, which is its shell too, and is made in a moment. Where that
program comes from, in order: this machine, Debian's package busybox-static, a registry.
"""

from __future__ import annotations

import contextlib
import io
import struct
import tarfile
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

import docker
from docker.errors import ImageNotFound

from taskdock.base.errors import ImageNotAvailable
from taskdock.engines.docker.facts import text
from taskdock.engines.standins import debian

PROGRAM = "/bin/busybox"
_IMAGE = "taskdock/probe"
_EDITION = 2  # of what the image holds
_PLACES = ("/bin/busybox", "/usr/bin/busybox", "/bin/busybox.static", "/usr/bin/busybox.static")
_MACHINES = {62: "amd64", 183: "arm64"}  # of an ELF file
_INTERPRETER = 3  # the program header of a file that is not static
_REGISTRY = "public.ecr.aws/docker/library/busybox:stable-musl"  # beside AWS's base images

Fetch = Callable[[str], str]
"""Gets an image from its registry, and returns its reference; raises `ImageNotAvailable`."""


class Probe:
    def __init__(
        self, client: docker.DockerClient, *, cache: Path, fetch: Fetch | None = None
    ) -> None:
        """`cache`: a folder, safe to delete."""
        self._api = client.api
        self._cache = cache
        self._fetch = fetch

    @cached_property
    def _architecture(self) -> str:
        """The engine's, in Docker's words."""
        return text(self._api.version(), "Arch")

    def image(self) -> str:
        """The image's reference; functions' containers could be made of the image. Raises
        `ImageNotAvailable`, and what docker-py and requests raise."""
        tag = f"{self._architecture or 'unknown'}-{_EDITION}"
        if _is_here(self._api, f"{_IMAGE}:{tag}"):
            return f"{_IMAGE}:{tag}"
        program = self._program()
        if program is not None:
            return import_image(self._api, _layer(program), _IMAGE, tag)
        if self._fetch is not None:
            return self._fetch(_REGISTRY)
        raise ImageNotAvailable(
            "there is no static busybox for a container of taskdock's own; install one with this"
            " system's package manager (Debian, Ubuntu: busybox-static)"
        )

    def _program(self) -> bytes | None:
        """A static busybox for the engine's processor, if there is one."""
        for place in map(Path, _PLACES):
            with contextlib.suppress(OSError):
                program = place.read_bytes()
                if is_static(program, self._architecture):
                    return program
        with contextlib.suppress(ImageNotAvailable, OSError):
            program = debian.busybox(self._cache).read_bytes()
            if is_static(program, self._architecture):
                return program
        return None


def import_image(api: docker.APIClient, layer: bytes, repository: str, tag: str) -> str:
    """The reference of an image of this one layer, which is made if it is not here. Raises what
    docker-py and requests raise."""
    reference = f"{repository}:{tag}"
    if not _is_here(api, reference):
        api.import_image_from_data(layer, repository=repository, tag=tag)
        if not _is_here(api, reference):  # Podman calls it "latest", whatever it is told
            api.tag(f"{repository}:latest", repository, tag)
    return reference


def _is_here(api: docker.APIClient, reference: str) -> bool:
    try:
        api.inspect_image(reference)  # type: ignore[no-untyped-call]
    except ImageNotFound:
        return False
    return True


def is_static(program: bytes, architecture: str) -> bool:
    """Whether these bytes are a program for that processor that needs nothing beside it (ELF,
    64 bits, little-endian: see elf(5))."""
    if program[:6] != b"\x7fELF\x02\x01" or len(program) < 64:
        return False
    machine = struct.unpack_from("<H", program, 18)[0]
    offset, size, count = (
        struct.unpack_from("<Q", program, 32)[0],
        *struct.unpack_from("<HH", program, 54),
    )
    kinds = (
        struct.unpack_from("<I", program, offset + size * index)[0]
        for index in range(count)
        if offset + size * index + 4 <= len(program)
    )
    return _MACHINES.get(machine) == architecture and _INTERPRETER not in kinds


def _layer(program: bytes) -> bytes:
    """The program, a shell of it, and a /tmp for all."""
    shell = tarfile.TarInfo("bin/sh")
    shell.type, shell.linkname = tarfile.SYMTYPE, "busybox"
    scratch = tarfile.TarInfo("tmp")
    scratch.type, scratch.mode = tarfile.DIRTYPE, 0o1777
    return layer(PROGRAM, program, shell, scratch)


def layer(path: str, program: bytes, *others: tarfile.TarInfo) -> bytes:
    """A tar of a file system that has this program, and others that have no content."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        entry = tarfile.TarInfo(path.lstrip("/"))
        entry.size, entry.mode = len(program), 0o755
        archive.addfile(entry, io.BytesIO(program))
        for other in others:
            archive.addfile(other)
    return data.getvalue()
