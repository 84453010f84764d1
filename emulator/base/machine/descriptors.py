"""How many files and connections this process may have open at a time."""

from __future__ import annotations

import errno
import resource

from emulator.base.errors import StartupError

# Beyond it nothing is gained here, and programs that we start and that close every number there
# could be, as apt-get does, take minutes.
_ENOUGH = 65_536
EACH = 6  # that an environment has open: its streams, pipes, kernel files and connections
OWN = 60  # that the server has open without any
_LOW = 1_024
LEAST = 128  # with fewer, accepting a connection fails before the first function has run
_RAISE_IT = f"for more, start it after: ulimit -n {_LOW * 4} (as root if that is refused)"

MOST_FROM_CONTAINERS = 1_024
MOST_FROM_ADDRESSES = 4_096
"""Connections that are taken where there are descriptors enough for them."""

DESCRIPTORS = "descriptors"
"""The trouble's name in `emulator.base.health`."""
OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
"""The kernel's numbers for it: this process has as many as it may, or the whole machine has."""
EXHAUSTED = (
    "this server has as many files and connections open as it may: callers wait until others are"
    f" closed; {_RAISE_IT}"
)


def raise_limit() -> str | None:
    """Allows this process as many as it may allow itself; a warning where that is few.

    Raises `StartupError` where it is too few to serve at all.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (ValueError, OSError):  # macOS has a lower limit of its own
            pass
    return warning(soft)


def connections() -> tuple[int, int]:
    """How many each listener takes from containers and from addresses, in all, by this process'
    limit: the rest is for environments, and for what the server opens itself. There are two for
    containers."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        limit = _ENOUGH
    room = max(0, limit - OWN)
    return min(room // 8, MOST_FROM_CONTAINERS), min(room // 2, MOST_FROM_ADDRESSES)


def warning(limit: int) -> str | None:
    """What there is to say about this many; None where it is enough. Raises `StartupError`."""
    if limit == resource.RLIM_INFINITY or limit >= _LOW:
        return None
    if limit < LEAST:
        raise StartupError(
            f"this process may have no more than {limit} files open, and a server needs {LEAST};"
            f" {_RAISE_IT}"
        )
    room = max(0, limit - OWN) // EACH
    return (
        f"this process may have {limit} files open, which is enough for about {room} containers;"
        f" {_RAISE_IT}"
    )
