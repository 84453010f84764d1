"""The probe: a small image of taskdock's own, and one script run in it, on Docker.

It holds one static program, busybox, which is its shell too, and is made in a moment. Where that
program comes from, in order: this machine, Debian's package busybox-static, a registry.
"""

from __future__ import annotations

import contextlib
import io
import re
import socket
import struct
import tarfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException, ImageNotFound
from docker.types import LogConfig

from emulator.engines import ingredients
from emulator.engines.docker_container import Frames, attach
from emulator.engines.facts import text
from emulator.errors import EngineError, ImageNotAvailable

PROGRAM = "/bin/busybox"
LABEL = "dev.taskdock.probe"
_IMAGE = "taskdock/probe"
_EDITION = 2  # of what the image holds
_PLACES = ("/bin/busybox", "/usr/bin/busybox", "/bin/busybox.static", "/usr/bin/busybox.static")
_MACHINES = {62: "amd64", 183: "arm64"}  # of an ELF file
_INTERPRETER = 3  # the program header of a file that is not static
_RUN_LIMIT = 60  # seconds
_PATIENCE = 90  # seconds without a word
_READ = 64 * 1024  # bytes
_END = "taskdock-exit "
_ALL_OF_IT = f"""
script=$1; shift
/bin/busybox timeout {_RUN_LIMIT} /bin/busybox sh -c "$script" probe "$@"
echo "{_END}$?"
"""
"""The exit code comes with the output: a container that removes itself cannot be asked for it."""
_CODE = re.compile(rf"{_END}(\d+)\n")
_KILLED = 137
_REGISTRY = "public.ecr.aws/docker/library/busybox:stable-musl"  # beside AWS's base images

Fetch = Callable[[str], str]
"""Gets an image from its registry, and returns its reference; raises `ImageNotAvailable`."""


@dataclass(frozen=True)
class Ran:
    output: str
    code: int  # 137: it was killed
    seconds: float  # from the container's making to its end


class Probe:
    def __init__(
        self, client: docker.DockerClient, *, cache: Path, fetch: Fetch | None = None
    ) -> None:
        """`cache`: a folder, safe to delete."""
        self._api = client.api
        self._cache = cache
        self._fetch = fetch

    def run(
        self,
        script: str,
        arguments: Sequence[str] = (),
        *,
        hosts: Mapping[str, str] | None = None,
        **limits: Any,
    ) -> Ran:
        """What `sh` has printed. `limits`: further fields of Docker's HostConfig, as docker-py
        names them. Raises `EngineError`."""
        try:
            return self._run(self.image(), script, arguments, hosts or {}, limits)
        except (DockerException, OSError) as error:
            said = getattr(error, "explanation", None) or error
            raise EngineError(f"the engine could not run a container: {said}") from None

    def _run(
        self,
        image: str,
        script: str,
        arguments: Sequence[str],
        hosts: Mapping[str, str],
        limits: Mapping[str, Any],
    ) -> Ran:
        begun = time.monotonic()
        made = self._api.create_container(
            image,
            entrypoint=[PROGRAM, "sh", "-c", _ALL_OF_IT, "probe"],
            command=[script, *arguments],
            labels={LABEL: "true"},
            host_config=self._api.create_host_config(
                extra_hosts=dict(hosts),
                log_config=LogConfig(type="none"),
                auto_remove=True,  # also when this process ends before it
                **limits,
            ),
            use_config_proxy=False,
        )
        id = str(made["Id"])
        try:
            with attach(self._api, id) as wire:
                self._api.start(id)
                said = _read_all(wire).decode(errors="replace")
        except BaseException:
            with contextlib.suppress(DockerException, OSError):
                self._api.remove_container(id, force=True, v=True)
            raise
        seconds = time.monotonic() - begun
        end = _CODE.search(said)
        if end is None:  # it was killed as a whole
            return Ran(said, _KILLED, seconds)
        return Ran(said[: end.start()] + said[end.end() :], int(end[1]), seconds)

    @cached_property
    def _architecture(self) -> str:
        """The engine's, in Docker's words."""
        return text(self._api.version(), "Arch")

    def image(self) -> str:
        """Its reference; functions' containers could be made of it. Raises `ImageNotAvailable`, and
        what docker-py and requests raise."""
        tag = f"{_IMAGE}:{self._architecture or 'unknown'}-{_EDITION}"
        if self._is_here(tag):
            return tag
        program = self._program()
        if program is not None:
            self._api.import_image_from_data(
                _layer(program), repository=_IMAGE, tag=tag.partition(":")[2]
            )
            return tag
        if self._fetch is not None:
            return self._fetch(_REGISTRY)
        raise ImageNotAvailable(
            "there is no static busybox for a container of taskdock's own; install one with this"
            " system's package manager (Debian, Ubuntu: busybox-static)"
        )

    def _is_here(self, tag: str) -> bool:
        try:
            self._api.inspect_image(tag)  # type: ignore[no-untyped-call]
        except ImageNotFound:
            return False
        return True

    def _program(self) -> bytes | None:
        """A static busybox for the engine's processor, if there is one."""
        for place in map(Path, _PLACES):
            with contextlib.suppress(OSError):
                program = place.read_bytes()
                if is_static(program, self._architecture):
                    return program
        with contextlib.suppress(ImageNotAvailable, OSError):
            program = ingredients.busybox(self._cache).read_bytes()
            if is_static(program, self._architecture):
                return program
        return None


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


def _read_all(wire: socket.socket) -> bytes:
    """What a container prints until its end."""
    wire.settimeout(_PATIENCE)
    frames = Frames()
    return b"".join(map(frames.feed, iter(lambda: wire.recv(_READ), b"")))


def _layer(program: bytes) -> bytes:
    """A tar of a file system that has the program, a shell of it, and a /tmp for all."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        entry = tarfile.TarInfo(PROGRAM.lstrip("/"))
        entry.size, entry.mode = len(program), 0o755
        archive.addfile(entry, io.BytesIO(program))
        shell = tarfile.TarInfo("bin/sh")
        shell.type, shell.linkname = tarfile.SYMTYPE, "busybox"
        archive.addfile(shell)
        scratch = tarfile.TarInfo("tmp")
        scratch.type, scratch.mode = tarfile.DIRTYPE, 0o1777
        archive.addfile(scratch)
    return data.getvalue()
