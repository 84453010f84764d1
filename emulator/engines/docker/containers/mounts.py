"""Docker's words for what a container has mounted: a /tmp of its own, and parts of this machine."""

from __future__ import annotations

from docker.types import DriverConfig
from docker.types import Mount as DockerMount

from taskdock.base.errors import StartFailed
from taskdock.engines.docker.containers.image_volumes import TMP
from taskdock.engines.docker.transports.paths import EnginePaths
from taskdock.engines.engine import Mount
from taskdock.engines.linux.scratch_disk import FILE_SYSTEM, MOUNT_OPTIONS


def bind(mount: Mount, paths: EnginePaths) -> DockerMount:
    """Raises `StartFailed`."""
    there = paths.find(mount.source)
    if there is None:
        raise StartFailed(
            f"the engine cannot see {mount.source}: this taskdock runs in a container, where that"
            " is no volume; give it one for that folder or one above, with -v"
        )
    return DockerMount(mount.target, str(there), type="bind", read_only=mount.read_only)


def tmp(disk: str | None) -> DockerMount:
    """A volume that goes with its container: on the given device, or else without a limit."""
    if disk is None:
        return DockerMount(TMP, None, type="volume")
    options = {"type": FILE_SYSTEM, "device": disk, "o": MOUNT_OPTIONS}
    driver = DriverConfig("local", options)
    return DockerMount(TMP, None, type="volume", no_copy=True, driver_config=driver)
