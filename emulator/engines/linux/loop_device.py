"""Loop devices that clear themselves: the kernel drops one when nobody uses it any more."""

from __future__ import annotations

import fcntl
import os
import stat
import struct
from pathlib import Path

BLOCK = 4096  # bytes
_TRIES = 20  # for a free loop device, which others want, too

# From linux/loop.h
_GET_FREE = 0x4C82
_CONFIGURE = 0x4C0A  # since Linux 5.8
_AUTOCLEAR, _DIRECT_IO = 4, 16
_CONFIG = struct.Struct("=2I 5Q4I 64s64s32s2Q 64x")
_MAJOR = 7
CONTROL = Path("/dev/loop-control")


def attach(file: int, control: Path = CONTROL) -> tuple[str, int]:
    """The path of a loop device for the open file `file`, and the descriptor that keeps the device
    until it is mounted. `control`: the device that names a free one. Raises `OSError`."""
    config = _CONFIG.pack(
        *(file, BLOCK, 0, 0, 0, 0, 0, 0, 0, 0, _AUTOCLEAR | _DIRECT_IO),
        *(b"taskdock", b"", b"", 0, 0),
    )
    chooser = os.open(control, os.O_RDWR | os.O_CLOEXEC)
    try:
        for attempt in range(_TRIES):
            number = fcntl.ioctl(chooser, _GET_FREE)
            device = f"/dev/loop{number}"
            loop = _open(device, number)
            try:
                fcntl.ioctl(loop, _CONFIGURE, config)
                return device, loop
            except OSError:  # another was faster
                os.close(loop)
                if attempt == _TRIES - 1:
                    raise
        raise AssertionError("the last try returns or raises")
    finally:
        os.close(chooser)


def _open(device: str, number: int) -> int:
    """In a container, /dev may not show what the kernel has made since."""
    if not os.path.exists(device):
        os.mknod(device, stat.S_IFBLK | 0o660, os.makedev(_MAJOR, number))
    return os.open(device, os.O_RDWR | os.O_CLOEXEC)
