"""Descriptors: how many files and connections this process may have open at a time."""

from __future__ import annotations

import errno
import resource

from taskdock.base.errors import StartupError

# More gains nothing. A program that we start and that closes every possible descriptor, such as
# apt-get, would take minutes.
_ENOUGH = 65_536
PER_ENVIRONMENT = 6  # descriptors: streams, pipes, kernel files and connections
OF_SERVER = 60  # descriptors that the server has open without any environment
_LOW = 1_024
MINIMUM = 128  # with fewer, accepting a connection fails before the first function has run
_RAISE_IT = f"for more, start it after: ulimit -n {_LOW * 4} (as root if that is refused)"

MAX_FROM_CONTAINERS = 1_024
MAX_FROM_ADDRESSES = 4_096
"""Connections that a listener accepts where the limit of descriptors allows as many."""

DESCRIPTORS = "descriptors"
"""Name of the trouble in `taskdock.base.health`."""
OUT_OF_DESCRIPTORS = (errno.EMFILE, errno.ENFILE)
"""Error numbers of the kernel: this process, or the whole machine, has no descriptor left.
https://man7.org/linux/man-pages/man2/accept.2.html"""
EXHAUSTED = (
    "this server has as many files and connections open as it may: callers wait until others are"
    f" closed; {_RAISE_IT}"
)


def raise_limit() -> str | None:
    """Raises this process' soft limit as far as is allowed and useful. Returns a warning where the
    limit is low, else None. Raises `StartupError` where the limit is too low to serve at all."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = _ENOUGH if hard == resource.RLIM_INFINITY else min(hard, _ENOUGH)
    if soft != resource.RLIM_INFINITY and soft < enough:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))
            soft = enough
        except (ValueError, OSError):  # macOS has a lower limit of its own
            pass
    return warning(soft)


def connections() -> tuple[int, int]:
    """The numbers of connections that each listener accepts in all, by the limit of this process:
    those of containers, and those of addresses. The rest of the descriptors is for environments and
    for the server's own files. Two listeners are for containers."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        limit = _ENOUGH
    room = max(0, limit - OF_SERVER)
    return min(room // 8, MAX_FROM_CONTAINERS), min(room // 2, MAX_FROM_ADDRESSES)


def warning(limit: int) -> str | None:
    """A sentence on a limit that is low; None where it is high enough. Raises `StartupError` where
    it is below `MINIMUM`."""
    if limit == resource.RLIM_INFINITY or limit >= _LOW:
        return None
    if limit < MINIMUM:
        raise StartupError(
            f"this process may have no more than {limit} files open, and a server needs {MINIMUM};"
            f" {_RAISE_IT}"
        )
    room = max(0, limit - OF_SERVER) // PER_ENVIRONMENT
    return (
        f"this process may have {limit} files open, which is enough for about {room} containers;"
        f" {_RAISE_IT}"
    )
