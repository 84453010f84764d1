"""Paths of ours as the engine has them: the two differ where taskdock runs in a container.

An engine is told where on its own machine a folder is. A server in a container of that engine's
sees the folder elsewhere, through a volume or a bind mount; where each of them begins on the
engine's machine is in the engine's own description of the container.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import docker
from docker.errors import DockerException, NotFound

from taskdock.base.errors import EngineUnreachable
from taskdock.engines.docker.facts import at, items, text

_MOUNTS = Path("/proc/self/mountinfo")
# Engines put these files into every container, from a folder of the container's own: Docker from
# .../containers/ID, Podman from .../overlay-containers/ID/userdata, whatever network and host name
# it has. A host name can be set, and control groups of version 2 do not say where we are.
_OWN_FILES = ("/etc/hostname", "/etc/hosts", "/etc/resolv.conf")
_ID = re.compile(r"containers/([0-9a-f]{64})/")
_ROOT, _POINT = 3, 4  # fields of a line of mountinfo


class OwnMount(NamedTuple):
    """A mount of the container that this process runs in."""

    point: Path
    """Where this process sees the folder."""
    source: Path | None
    """Where the engine's machine has the folder; None: in memory, and nowhere else."""


class EnginePaths:
    def __init__(self, mounts: Iterable[OwnMount] | None) -> None:
        """`mounts`: of the container that we are in; None: we are in none, and paths are equal."""
        # The longest first: that is the one which is seen.
        self._mounts = mounts and sorted(mounts, key=lambda mount: -len(mount.point.parts))

    def find(self, path: Path) -> Path | None:
        """An absolute path of ours without links, as the engine has it; None: it has it nowhere,
        since it is in our container's own layer or in memory."""
        if self._mounts is None:
            return path
        for point, source in self._mounts:
            if path.is_relative_to(point):
                return source and source / path.relative_to(point)
        return None


def own_mounts(api: docker.APIClient, mountinfo: Path = _MOUNTS) -> tuple[OwnMount, ...] | None:
    """The mounts of the container that this process is in; None: it is in none of this engine's.

    Raises `EngineUnreachable`.
    """
    try:
        id = own_id(mountinfo.read_text())
    except OSError:  # not on Linux
        return None
    if id is None:
        return None
    try:
        return read_mounts(api.inspect_container(id))
    except NotFound:  # another engine's
        return None
    except (DockerException, OSError) as error:
        raise EngineUnreachable(f"the Docker Engine does not answer: {error}") from None


def own_id(mountinfo: str) -> str | None:
    """The id of the container whose /proc/self/mountinfo this is; None: it is no container's.

    https://docs.kernel.org/filesystems/proc.html#proc-pid-mountinfo-information-about-mounts
    """
    for line in mountinfo.splitlines():
        fields = line.split(" ")
        if len(fields) > _POINT and fields[_POINT] in _OWN_FILES:
            found = _ID.search(fields[_ROOT])
            if found:
                return found[1]
    return None


def read_mounts(container: Any) -> tuple[OwnMount, ...]:
    """From the engine's answer to GET /containers/{id}/json."""
    mounts = [
        OwnMount(Path(point), Path(source) if source else None)
        for point, source in (
            (text(mount, "Destination"), text(mount, "Source"))
            for mount in items(container, "Mounts")
        )
        if point
    ]
    temporary = at(container, "HostConfig", "Tmpfs")
    names = temporary if isinstance(temporary, dict) else {}
    return (*mounts, *(OwnMount(Path(point), None) for point in names))
