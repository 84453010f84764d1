"""The one place where containers are made: each has labels, limits and an end, for every caller.

A container gets only what its spec asks for: by default it has no network, no capability, no disk
that can be written, and nobody's user. Nothing of an image runs by itself: its entry point and its
health check are replaced, the latter because an engine would run the check as the user of the
container's first process. Only programs that a launcher starts are in the image's working
directory, as their user: a working directory below /proc/self/fd has led engines' runtimes out of
containers (CVE-2024-21626).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import docker
from docker.errors import DockerException
from docker.types import Healthcheck, LogConfig, Mount

from taskdock.base.errors import EngineError
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.engines.docker.containers.removal import remove
from taskdock.engines.docker.facts import number, text

GLIMPSE = "dev.taskdock.glimpse"
"""The label of containers that are there for a moment, to learn something."""
NO_NETWORK = "none"
_NOBODY = "65534:65534"
_STALE = 600  # seconds after which a glimpse has lost the process that made it


@dataclass(frozen=True, kw_only=True)
class Creation:
    """All that a container is made with."""

    image: str
    labels: Mapping[str, str]
    """The labels by which the container is swept, should this process end."""
    entrypoint: Sequence[str]
    command: Sequence[str] = ()
    name: str | None = None
    platform: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = _NOBODY
    capabilities: Sequence[str] = ()
    security: Sequence[str] = ()
    """Options beside `no-new-privileges`."""
    memory: int = 64  # MB; there is no swap on top
    pids: int = 64
    mounts: Sequence[Mount] = ()
    volumes_of: str = ""
    """The id of a container whose volumes it has, read-only."""
    network: str | None = NO_NETWORK
    """The network's name; None: the engine's own network."""
    hosts: Mapping[str, str] = field(default_factory=dict)
    removes_itself: bool = False


def create(api: docker.APIClient, creation: Creation) -> str:
    """The id of the container, which does not run yet. Raises what docker-py and requests raise."""
    created = api.create_container(
        creation.image,
        entrypoint=list(creation.entrypoint),
        command=list(creation.command),
        environment=dict(creation.environment) or None,
        platform=creation.platform,
        name=creation.name,
        user=creation.user,
        working_dir="/",
        labels=dict(creation.labels),
        healthcheck=Healthcheck(test=["NONE"]),
        host_config=api.create_host_config(
            mem_limit=f"{creation.memory}m",
            memswap_limit=f"{creation.memory}m",
            pids_limit=creation.pids,
            cap_drop=["ALL"],
            cap_add=list(creation.capabilities),
            security_opt=["no-new-privileges", *creation.security],
            read_only=True,
            mounts=list(creation.mounts),
            volumes_from=[f"{creation.volumes_of}:ro"] if creation.volumes_of else None,
            network_mode=creation.network,
            extra_hosts=dict(creation.hosts),
            log_config=LogConfig(type="none"),  # all output goes through the launcher
            auto_remove=creation.removes_itself,
        ),
        use_config_proxy=False,  # proxies of this user's are not a function's business
    )
    return str(created["Id"])


@contextlib.contextmanager
def glimpse(
    api: docker.APIClient,
    image: str,
    *,
    entrypoint: Sequence[str] = ("-",),
    command: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    network: str = NO_NETWORK,
) -> Iterator[str]:
    """The id of a container that is there within this context, and removed whatever happens in it.

    By itself it is never started. Raises what docker-py and requests raise; of a removal that fails
    nothing is said: what stays is swept.
    """
    id = create(
        api,
        Creation(
            image=image,
            labels={**(labels or {}), GLIMPSE: "1"},
            entrypoint=entrypoint,
            command=command,
            network=network,
        ),
    )
    try:
        yield id
    finally:
        with contextlib.suppress(EngineError):
            remove(api, id)


def sweep_glimpses(api: docker.APIClient, clock: Clock | None = None) -> None:
    """Removes those whose process was killed. Raises nothing: another start is another chance."""
    with contextlib.suppress(DockerException, OSError):
        stale = (clock or SystemClock()).now().timestamp() - _STALE
        for found in api.containers(all=True, filters={"label": GLIMPSE}):
            if number(found, "Created") < stale:
                with contextlib.suppress(EngineError):
                    remove(api, text(found, "Id"))
