"""An image's VOLUMEs: on Lambda they mean nothing, and the file system is read-only but for /tmp.

An engine gives a container a volume for each of them, which can be written past every limit, and no
container can be made without. But it can be made with another container's volumes in their place,
read-only. So such a container is made first, of the same image, and removed as soon as the one that
runs has its volumes; they go with that one.
"""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator, Mapping, Sequence

import docker
from docker.types import Mount

from taskdock.base.errors import StartFailed
from taskdock.engines.docker.containers.creation import glimpse
from taskdock.engines.docker.facts import at, items, text
from taskdock.engines.launcher.door import INSIDE

TMP = "/tmp"  # noqa: S108 - the container's own
_KERNELS = ("/proc", "/sys")
_MB = 1024 * 1024


def fault(volumes: Sequence[str]) -> str | None:
    """Why a container of an image with these VOLUMEs cannot be; None: it can."""
    for volume in volumes:
        path = _clean(volume)
        impossible = path in ("/", "/dev") or _is_below(path, INSIDE)
        if impossible or any(path == place or _is_below(path, place) for place in _KERNELS):
            return (
                f"the image has a VOLUME at {volume!a}, in the place of what a container needs to"
                " run; build the image without it"
            )
    return None


def temporary(volumes: Sequence[str], storage: int) -> list[Mount]:
    """Mounts in the place of VOLUMEs below /tmp, which can be written on Lambda as all of /tmp can.
    They are in memory, which counts as the function's. `storage`: MB of each, at most."""
    return [
        Mount(path, None, type="tmpfs", tmpfs_size=storage * _MB, tmpfs_mode=0o1777)
        for path in dict.fromkeys(map(_clean, volumes))
        if _is_below(path, TMP)
    ]


@contextlib.contextmanager
def held(
    api: docker.APIClient, image: str, volumes: Sequence[str], labels: Mapping[str, str]
) -> Iterator[str]:
    """The id of a container of this image, from which another can have its VOLUMEs; "": it has
    none. Raises `StartFailed`, and what docker-py and requests raise."""
    if not volumes:
        yield ""
        return
    if refusal := fault(volumes):
        raise StartFailed(refusal)
    with glimpse(api, image, labels=labels) as holder:
        yield holder


def check(container: object) -> None:
    """Makes sure that no VOLUME can be written, whatever the engine made of it. `container`: the
    engine's answer to GET /containers/{id}/json. Raises `StartFailed`."""
    for mount in items(container, "Mounts"):
        where = text(mount, "Destination")
        if text(mount, "Type") == "volume" and at(mount, "RW") is not False and where != TMP:
            raise StartFailed(
                f"the image has a VOLUME at {where!a}, which this engine does not make read-only;"
                " build the image without it"
            )


def _clean(path: str) -> str:
    return posixpath.normpath("/" + path.lstrip("/"))


def _is_below(path: str, folder: str) -> bool:
    return path.startswith(f"{folder}/")
