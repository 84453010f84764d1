"""The kernel's freezer, written directly: faster by far than pausing through the engine.

Works where the engine is on this machine, its control groups are where they usually are, and we may
write to them (Linux, root). The engine does not know of it: who ends a container thaws it first.

https://docs.kernel.org/admin-guide/cgroup-v1/freezer-subsystem.html
https://docs.kernel.org/admin-guide/cgroup-v2.html (cgroup.freeze)
"""

from __future__ import annotations

_PLACES = (  # file, what freezes, what thaws; {0} is the container's id
    ("/sys/fs/cgroup/freezer/docker/{0}/freezer.state", "FROZEN", "THAWED"),
    ("/sys/fs/cgroup/freezer/system.slice/docker-{0}.scope/freezer.state", "FROZEN", "THAWED"),
    ("/sys/fs/cgroup/system.slice/docker-{0}.scope/cgroup.freeze", "1", "0"),
    ("/sys/fs/cgroup/docker/{0}/cgroup.freeze", "1", "0"),
)


def freeze(container_id: str) -> bool:
    """False: not possible here."""
    return any(_write(file.format(container_id), frozen) for file, frozen, _ in _PLACES)


def thaw(container_id: str) -> bool:
    """False: not possible here."""
    return any(_write(file.format(container_id), thawed) for file, _, thawed in _PLACES)


def _write(file: str, value: str) -> bool:
    try:
        with open(file, "r+") as state:
            state.write(value)
    except OSError:
        return False
    return True
