"""Docker as an Engine: makes and starts one container per `create`."""

from __future__ import annotations

import contextlib
import hashlib
import os
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException, InvalidConfigFile, NotFound
from docker.types import DriverConfig, LogConfig, Mount, Ulimit
from docker.utils.config import find_config_file

from emulator.engines import logins, reach, remedies
from emulator.engines.console import COMMAND
from emulator.engines.docker_container import DockerContainer, attach, reason, remove
from emulator.engines.engine import Container, ContainerSpec, Listener
from emulator.engines.facts import (
    EngineFacts,
    Image,
    NetworkFacts,
    read_engine,
    read_image,
    read_network,
)
from emulator.engines.freezer import Freezer
from emulator.engines.pipe import INSIDE, Pipe, open_pipe
from emulator.engines.pipe import sweep as sweep_pipes
from emulator.engines.probe import Probe
from emulator.engines.reach import Call, Reached
from emulator.engines.scratch import FILE_SYSTEM, MOUNT_OPTIONS, NO_DISK, Scratch
from emulator.engines.surroundings import memory as machine_memory
from emulator.engines.surroundings import surroundings
from emulator.engines.ways import ENGINES_OWN, own, ways
from emulator.errors import EngineError, EngineUnreachable, StartFailed
from emulator.reactor import Reactor

_REQUEST_LIMIT = 120  # seconds
_CONNECTIONS = 64
_USER = "993:990"  # AWS Lambda's sbx_user1051
_PIDS = 1024  # and no ulimit nproc: the kernel counts that by user, over all containers together
_LIMITS = (
    Ulimit(name="nofile", soft=1024, hard=1024),
    Ulimit(name="core", soft=10737418240, hard=10737418240),
    Ulimit(name="memlock", soft=65536, hard=65536),
    Ulimit(name="stack", soft=8388608, hard=-1),
)
"""As AWS has them."""
_NOT_OURS = ("HOME", "HOSTNAME", "TERM")  # what engines add to what they are told
_SWEEPS = 8  # removals side by side
_NO_DISK = ("failed to mount local volume", NO_DISK)
"""What Docker says of a disk that it cannot use, and what is said where none can be made."""


def connect(address: str) -> docker.DockerClient:
    """A client for the engine at `address`, such as unix:///var/run/docker.sock.

    Raises `EngineUnreachable`.
    """
    try:
        client = docker.DockerClient(
            base_url=address, version="auto", timeout=_REQUEST_LIMIT, max_pool_size=_CONNECTIONS
        )
    except (InvalidConfigFile, AttributeError, TypeError, ValueError) as error:
        file = str(find_config_file())
        raise EngineUnreachable(
            f"docker's configuration, {file}, cannot be read: {error}; mend it, or set"
            " DOCKER_CONFIG to another folder"
        ) from None
    except DockerException as error:
        raise EngineUnreachable(f"the Docker Engine does not answer: {error}") from None
    logins.forgive(client.api)
    return client


class DockerEngine:
    def __init__(
        self,
        client: docker.DockerClient,
        scratch: Scratch | None = None,
        warn: Callable[[str], object] = lambda _: None,
        *,
        pipes: Path | None = None,
        probe: Probe | None = None,
    ) -> None:
        """`scratch`: disks of this machine; `pipes`: the folder where pipes to containers are
        made, None: there are none. Neither is used for an engine on another machine. `probe`: has
        a container try what the engine says; None: its word is taken.

        Raises `EngineUnreachable`.
        """
        self._warn = warn
        self._api = client.api
        self._probe = probe
        self.facts, self.network = look(self._api)
        self.ways = ways(self.facts, self.network, own())
        self.way = self.ways[0]
        self.can_freeze = True
        self._freezer = Freezer()
        self._is_here = is_here(self.facts)
        self._scratch = scratch
        self._pipes = pipes if self._is_here else None
        if scratch is not None and not self._is_here:
            self._forgo_scratch("the engine is not on this machine")
        if not self.facts.limits_memory:
            warn(
                "memory is not limited: the engine has no control group for it (on the kernel's"
                " command line: cgroup_enable=memory; a rootless engine needs cgroup v2)"
            )
        self.memory = self.facts.memory or machine_memory()

    @property
    def fingerprint(self) -> str:
        """Says what its ways were found for: another engine, or one that has changed, has
        another."""
        known = (self.facts, self.network, self.ways, os.uname().release)
        return hashlib.sha256(repr(known).encode()).hexdigest()

    def reach(self, calls: Sequence[Call]) -> Reached:
        if self._probe is None:
            return Reached(untried="nothing was to be tried")
        if self.network is None:
            fault, steps = remedies.NO_BRIDGE
            return Reached(fault=fault, remedies=steps)
        try:
            ran = self._probe.run(
                reach.SCRIPT,
                reach.arguments(self.ways, calls),
                hosts={reach.NAME: ENGINES_OWN} if self._asks_engine else {},
            )
        except EngineError as error:
            return Reached(untried=error.message)
        attempts = reach.read(ran.output, self.ways)
        way = reach.best(self.ways, attempts)
        if way is not None:
            self.way = way
            return Reached(attempts=attempts, seconds=ran.seconds)
        fault, steps = remedies.explain(attempts, self.facts, self.network, surroundings())
        return Reached(attempts=attempts, seconds=ran.seconds, fault=fault, remedies=steps)

    @property
    def _asks_engine(self) -> bool:
        return any(way.reach == ENGINES_OWN for way in self.ways)

    def create(self, spec: ContainerSpec, listener: Listener, reactor: Reactor) -> Container:
        scratch, pipes = self._scratch, self._pipes
        try:
            with contextlib.ExitStack() as held:  # by their mounts, from the start on
                disk = held.enter_context(scratch.disk(spec.storage)) if scratch else None
                pipe = held.enter_context(open_pipe(pipes)) if pipes else None
                wire, image, id = self._start(spec, disk, pipe)
                container = DockerContainer(
                    id,
                    api=self._api,
                    place=self._freezer.place(id) if self._is_here else None,
                    image=image,
                    wire=wire,
                    pipe=pipe,
                    listener=listener,
                    loop=reactor.loop,
                )
        except StartFailed as error:
            if scratch is not None and any(fault in error.message for fault in _NO_DISK):
                self._forgo_scratch(error.message)
            elif pipes is not None and str(pipes) in error.message:
                self._pipes = None
            else:
                raise
            return self.create(spec, listener, reactor)
        reactor.call(container.listen)
        return container

    @property
    def limits_storage(self) -> bool:
        return self._scratch is not None

    @property
    def has_pipes(self) -> bool:
        """Whether output is to come straight from programs; otherwise the engine hands it on."""
        return self._pipes is not None

    def _forgo_scratch(self, reason: str) -> None:
        self._scratch = None
        self._warn(f"the size of /tmp is not limited: {reason}")

    def _start(
        self, spec: ContainerSpec, disk: str | None, pipe: Pipe | None
    ) -> tuple[socket.socket, Image, str]:
        """The connection to it, its image, and its id."""
        try:
            image = self._inspect(spec.image)
            id = self._create(spec, image, disk, pipe)
        except (DockerException, OSError) as error:
            raise StartFailed(f"the container could not be made: {reason(error)}") from None
        wire: socket.socket | None = None
        try:
            wire = attach(self._api, id)
            self._api.start(id)
        except (DockerException, OSError) as error:
            if wire is not None:
                wire.close()
            with contextlib.suppress(DockerException):
                self._api.remove_container(id, force=True, v=True)
            raise StartFailed(f"the container did not start: {reason(error)}") from None
        return wire, image, id

    @property
    def freezes_at_once(self) -> bool:
        return self._is_here and self._freezer.works

    def sweep(self, label: str) -> int:
        if self._pipes is not None:
            sweep_pipes(self._pipes)
        found = self._api.containers(all=True, filters={"label": label})
        with ThreadPoolExecutor(_SWEEPS) as sweepers:
            list(sweepers.map(lambda container: remove(self._api, container["Id"]), found))
        return len(found)

    def close(self) -> None:
        self._freezer.close()
        self._api.close()

    def _inspect(self, reference: str) -> Image:
        return read_image(self._api.inspect_image(reference))  # type: ignore[no-untyped-call]

    def _create(
        self, spec: ContainerSpec, image: Image, disk: str | None, pipe: Pipe | None
    ) -> str:
        added = [name for name in _NOT_OURS if name not in image.variables]
        created = self._api.create_container(
            spec.image,
            entrypoint=list(COMMAND),
            command=[" ".join(added)],
            platform=spec.platform,
            name=spec.name,
            user=_USER,
            labels=dict(spec.labels),
            stdin_open=True,  # closed with the one connection to it, so nothing outlives its server
            host_config=self._host_config(spec, disk, pipe),
            use_config_proxy=False,  # proxies of this user's are not a function's business
        )
        return str(created["Id"])

    def _host_config(
        self, spec: ContainerSpec, disk: str | None, pipe: Pipe | None
    ) -> dict[str, Any]:
        mounts = [_tmp(disk)]
        if spec.code is not None:
            mounts.append(Mount("/var/task", str(spec.code), type="bind", read_only=True))
        if pipe is not None:
            mounts.append(Mount(INSIDE, str(pipe.path), type="bind"))
        config: dict[str, Any] = self._api.create_host_config(
            mem_limit=f"{spec.memory}m",
            memswap_limit=f"{spec.memory}m",
            pids_limit=_PIDS,
            ulimits=list(_LIMITS),
            cap_drop=["ALL"],
            security_opt=_security(self.facts),
            read_only=True,
            mounts=mounts,
            extra_hosts=dict.fromkeys(spec.hosts, self.way.reach),
            log_config=LogConfig(type="none"),  # all output goes through the console
            auto_remove=True,
        )
        return config


def look(api: docker.APIClient) -> tuple[EngineFacts, NetworkFacts | None]:
    """What the engine says of itself and of its usual network; None: it has no such network.

    Raises `EngineUnreachable`.
    """
    try:
        facts = read_engine(api.info(), api.version())
        try:
            return facts, read_network(api.inspect_network("bridge"))
        except NotFound:
            return facts, None
    except (DockerException, OSError) as error:
        raise EngineUnreachable(f"the Docker Engine does not answer: {error}") from None


def is_here(facts: EngineFacts) -> bool:
    """Whether the engine's devices are ours: not in a virtual machine, nor in a container."""
    machine = os.uname()
    return (facts.machine, facts.kernel) == (machine.nodename, machine.release)


def _security(facts: EngineFacts) -> list[str]:
    """A function's code is a folder of this machine, which does not carry SELinux's label for
    containers; relabelling files of the user's would change what others may do with them."""
    return ["no-new-privileges", *(["label=disable"] if facts.labels_files else [])]


def _tmp(disk: str | None) -> Mount:
    """A volume that goes with its container: on the given device, or else without a limit."""
    if disk is None:
        return Mount("/tmp", None, type="volume")  # noqa: S108 - the container's own
    options = {"type": FILE_SYSTEM, "device": disk, "o": MOUNT_OPTIONS}
    driver = DriverConfig("local", options)
    return Mount("/tmp", None, type="volume", no_copy=True, driver_config=driver)  # noqa: S108
