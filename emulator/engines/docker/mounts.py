"""What a container has mounted: a /tmp of its own, and folders and files of this machine."""

from __future__ import annotations

from pathlib import Path

from docker.types import DriverConfig, Mount

from emulator.base.errors import StartFailed
from emulator.engines.docker.images.image_volumes import TMP
from emulator.engines.docker.passages.passages import Passage
from emulator.engines.linux.scratch_disk import FILE_SYSTEM, MOUNT_OPTIONS


def bind(inside: str, path: Path, passage: Passage) -> Mount:
    """Raises `StartFailed`."""
    there = passage.paths.find(path)
    if there is None:
        raise StartFailed(
            f"the engine cannot see {path}: this taskdock runs in a container, where that is no"
            " volume; give it one for its data folder, with -v"
        )
    return Mount(inside, str(there), type="bind", read_only=True)


def tmp(disk: str | None) -> Mount:
    """A volume that goes with its container: on the given device, or else without a limit."""
    if disk is None:
        return Mount(TMP, None, type="volume")
    options = {"type": FILE_SYSTEM, "device": disk, "o": MOUNT_OPTIONS}
    driver = DriverConfig("local", options)
    return Mount(TMP, None, type="volume", no_copy=True, driver_config=driver)
