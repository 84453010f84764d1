"""Docker as an Engine: one container per `create`, by the transport that leads here."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import docker
from docker.errors import DockerException

from taskdock.base.errors import EngineUnreachable, NotReachable, StartFailed
from taskdock.base.health import Health
from taskdock.base.settings import NetworkChoice
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.base.timing.reactor import Reactor
from taskdock.engines.docker import faults
from taskdock.engines.docker.client import is_here, look
from taskdock.engines.docker.containers.container import DockerContainer
from taskdock.engines.docker.containers.creation import sweep_glimpses
from taskdock.engines.docker.containers.removal import remove
from taskdock.engines.docker.containers.starter import Starter
from taskdock.engines.docker.facts import EngineFacts, EngineKind
from taskdock.engines.docker.locate import PING_SECONDS
from taskdock.engines.docker.network import NAME, Network
from taskdock.engines.docker.reaper import Reaper
from taskdock.engines.docker.transports.advice import turned_away
from taskdock.engines.docker.transports.choice import TransportChoice
from taskdock.engines.docker.transports.transports import Transport, Transports, usual_transports
from taskdock.engines.engine import (
    Capabilities,
    Container,
    ContainerSpec,
    EngineDescription,
    Observer,
)
from taskdock.engines.launcher.acceptor import CallLimits
from taskdock.engines.launcher.doors import Doors
from taskdock.engines.linux.disks import Disks
from taskdock.engines.linux.scratch_disk import Scratch
from taskdock.engines.linux.surroundings import memory as machine_memory

_SWEEPS = 8  # removals side by side
_NO_LIMIT = (
    "the engine has no control group for it (on the kernel's command line: cgroup_enable=memory; a"
    " rootless engine needs cgroup v2)"
)


class DockerEngine:
    def __init__(
        self,
        client: docker.DockerClient,
        doors: Path,
        *,
        scratch: Scratch | None = None,
        reopen_scratch: Callable[[], Scratch | str] | None = None,
        warn: Callable[[str], object] = lambda _: None,
        transports: Transports = usual_transports,
        reaper: Reaper | None = None,
        health: Health | None = None,
        network: NetworkChoice = NetworkChoice.ENGINE,
        network_name: str = NAME,
        clock: Clock | None = None,
        calls: CallLimits = CallLimits(),  # noqa: B008 - frozen
    ) -> None:
        """`doors`: a folder for the doors of its containers, this engine's alone. `scratch`: disks
        of this machine, not used for an engine on another. `reopen_scratch`: gives new ones when
        those have failed, or says why it cannot. `warn`: is told what it does without.
        `transports`: gives those by which containers may come here, likeliest first. `reaper`:
        removes the containers of this engine should this process be killed; it is closed with the
        engine. `network_name`: of the network that all servers of taskdock on an engine share.
        `clock`: tells when a thing that failed is tried again. `calls`: limits of those who call at
        a door.

        Raises `EngineUnreachable`.
        """
        clock = clock or SystemClock()
        health = health or Health()
        self._api = client.api
        self.facts = look(self._api)
        self.memory = self.facts.memory or machine_memory()
        """MB."""
        self._reaper = reaper
        self._choice = TransportChoice(lambda: transports(self._api), health, clock)
        self._network = Network(self._api, network, self.facts.architecture, health, network_name)
        self._doors = Doors(doors, self.facts.architecture, health, calls)
        self._disks = Disks(scratch, reopen=reopen_scratch, health=health, warn=warn, clock=clock)
        self._starter = Starter(
            self._api,
            self.facts,
            doors=self._doors,
            disks=self._disks,
            network=self._network.mode,
        )
        if (scratch or reopen_scratch) and (fault := _no_disks(self.facts)):
            self._disks.forgo(fault, for_good=True)
        if not self.facts.limits_memory:
            warn(f"memory is not limited: {_NO_LIMIT}")
            health.report("memory limits", _NO_LIMIT, degraded=True)

    @property
    def transport(self) -> Transport | None:
        """The one that works; None: none was tried yet."""
        return self._choice.transport

    @property
    def description(self) -> EngineDescription:
        facts, transport = self.facts, self.transport
        return EngineDescription(
            kind=facts.kind.value,
            version=facts.version,
            api=facts.api,
            system=facts.system,
            kernel=facts.kernel,
            architecture=facts.architecture,
            cgroup=facts.cgroup,
            transport="" if transport is None else transport.description,
        )

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            limits_memory=self.facts.limits_memory, limits_storage=self._disks.there
        )

    def create(self, spec: ContainerSpec, observer: Observer, reactor: Reactor) -> Container:
        if self._reaper is not None:
            self._reaper.watch()
            spec = replace(spec, labels={**spec.labels, **self._reaper.labels})
        try:
            container = self._create(spec, observer, reactor)
        except StartFailed as error:
            if not self._network.is_lost(error):
                raise
            container = self._create(spec, observer, reactor)
        self._network.try_it(container.id)
        return container

    def _create(self, spec: ContainerSpec, observer: Observer, reactor: Reactor) -> DockerContainer:
        def explain(transport: Transport) -> NotReachable:
            met = self._starter.exit_code(spec, transport, reactor)
            return NotReachable(transport.explain(met) + turned_away(self._doors.turned_away))

        return self._choice.use(
            lambda transport: self._starter.start(spec, transport, observer, reactor), explain
        )

    def answers(self) -> str | None:
        try:
            reply = self._api.get(f"{self._api.base_url}/_ping", timeout=PING_SECONDS)
        except (DockerException, OSError) as error:
            return faults.silence(error)
        return None if reply.ok else f"HTTP status {reply.status_code}"

    def sweep(self, label: str) -> int:
        self._doors.sweep()
        sweep_glimpses(self._api)
        try:
            found = self._api.containers(all=True, filters={"label": label})
        except (DockerException, OSError) as error:
            raise EngineUnreachable(f"the Docker Engine does not answer: {error}") from None
        with ThreadPoolExecutor(_SWEEPS) as sweepers:
            list(sweepers.map(lambda container: remove(self._api, container["Id"]), found))
        return len(found)

    def close(self) -> None:
        if self._reaper is not None:
            self._reaper.close()
        self._api.close()


def _no_disks(facts: EngineFacts) -> str:
    """Why the engine cannot use disks of ours; empty if it can."""
    if not is_here(facts):
        return "the engine is not on this machine"
    if facts.kind in (EngineKind.PODMAN, EngineKind.ROOTLESS_PODMAN):
        return "Podman passes over what a volume is to be made of"  # without a word
    return ""
