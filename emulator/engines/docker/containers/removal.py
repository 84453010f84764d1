"""Whether a container runs, and how it is removed, whatever the engine is doing with it."""

from __future__ import annotations

import time

import docker
from docker.errors import DockerException

from taskdock.base.errors import EngineUnreachable
from taskdock.base.timing.clock import SystemClock
from taskdock.engines.docker import faults

_REMOVE_LIMIT = 20.0  # seconds until a container that is being removed must be gone
_REMOVE_PAUSE = 0.05


def is_running(api: docker.APIClient, id: str) -> bool:
    """Raises `EngineError`."""
    try:
        return bool(api.inspect_container(id)["State"]["Running"])
    except (DockerException, OSError) as error:
        if faults.is_gone(error):
            return False
        raise faults.engine_error(error, "the container cannot be looked at") from None


def remove(api: docker.APIClient, id: str) -> None:
    """Returns when it is gone: the engine may be at removing it already.

    Raises `EngineError` when it stays, and at once `EngineUnreachable` when the engine is at fault:
    a container whose launcher has ended is removed by the engine itself, when it is back.
    """
    clock = SystemClock()  # what an engine takes is real time, whatever the server's clock says
    limit = clock.monotonic() + _REMOVE_LIMIT
    while True:
        try:
            api.remove_container(id, force=True, v=True)
            return
        except (DockerException, OSError) as error:
            if faults.is_gone(error):
                return
            fault = faults.engine_error(error, f"the container {id[:12]} stays")
            if isinstance(fault, EngineUnreachable) or clock.monotonic() > limit:
                raise fault from None
        time.sleep(_REMOVE_PAUSE)
