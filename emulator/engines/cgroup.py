"""Control groups: the kernel's files about one container, where the engine is on this machine.

https://docs.kernel.org/admin-guide/cgroup-v1/memory.html (max_usage_in_bytes)
https://docs.kernel.org/admin-guide/cgroup-v2.html (memory.peak, since Linux 5.19)
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable

# {0} is the container's id; by the engine's cgroup driver.
_PEAKS = (
    "/sys/fs/cgroup/memory/docker/{0}/memory.max_usage_in_bytes",
    "/sys/fs/cgroup/memory/system.slice/docker-{0}.scope/memory.max_usage_in_bytes",
    "/sys/fs/cgroup/system.slice/docker-{0}.scope/memory.peak",
    "/sys/fs/cgroup/docker/{0}/memory.peak",
    "/sys/fs/cgroup/system.slice/docker-{0}.scope/memory.current",
    "/sys/fs/cgroup/docker/{0}/memory.current",
)
_NUMBER = 32  # bytes that one surely takes


class Meter:
    """The peak of a container's memory."""

    def __init__(self, container_id: str) -> None:
        self._file = open_first((place.format(container_id) for place in _PEAKS), os.O_RDONLY)
        self.works = self._file is not None
        self._last = 0

    def peak(self) -> int:
        """Bytes; once the container has ended, as many as were seen last."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._last = int(os.pread(self._file, _NUMBER, 0))
        return self._last

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def open_first(paths: Iterable[str], flags: int) -> int | None:
    """A descriptor of the first of these files that can be opened."""
    for path in paths:
        try:
            return os.open(path, flags | os.O_CLOEXEC)
        except OSError:
            continue
    return None
