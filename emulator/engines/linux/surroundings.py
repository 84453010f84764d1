"""Facts of this machine that matter to containers."""

from __future__ import annotations

import os

_IN_CONTAINER = ("/.dockerenv", "/run/.containerenv")
_UNKNOWN_MEMORY = 4096  # MB


def in_container() -> bool:
    """Whether this process is in one of Docker's or Podman's."""
    return any(os.path.exists(place) for place in _IN_CONTAINER)


def memory() -> int:
    """MB that this machine has."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024 // 1024
    except (OSError, ValueError):
        return _UNKNOWN_MEMORY
