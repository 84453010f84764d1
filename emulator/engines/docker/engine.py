"""Docker as an Engine: makes and starts one container per `create`."""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import docker
from docker.errors import DockerException, InvalidConfigFile
from docker.types import Mount
from docker.utils.config import find_config_file

from emulator.base.errors import EngineError, EngineUnreachable, NotReachable, StartFailed
from emulator.base.files.disk import SHORTAGES
from emulator.base.health import Health
from emulator.base.settings import NetworkChoice
from emulator.base.timing.reactor import Reactor
from emulator.engines.docker import faults
from emulator.engines.docker.container import DockerContainer, is_running, remove
from emulator.engines.docker.images import image_volumes, logins
from emulator.engines.docker.images.passwd import Passwords
from emulator.engines.docker.locate import PING_SECONDS
from emulator.engines.docker.making import Making, make, sweep_glimpses
from emulator.engines.docker.mounts import bind, tmp
from emulator.engines.docker.network import Network
from emulator.engines.docker.passages.passages import Choice, Passage, Passages, usual
from emulator.engines.docker.passages.remedies import turned_away
from emulator.engines.docker.reaper import Reaper
from emulator.engines.engine import Container, ContainerSpec, Observer
from emulator.engines.facts import EngineFacts, Image, Kind, read_engine, read_image
from emulator.engines.launcher.door import INSIDE, LAUNCHER, TOKEN, Door, Doors
from emulator.engines.linux.scratch_disk import NO_DISK, Disks, Scratch
from emulator.engines.linux.surroundings import memory as machine_memory

_REQUEST_LIMIT = 120  # seconds
_CONNECTIONS = 64
_USER = "0:0"  # the launcher's; it makes programs AWS Lambda's sbx_user1051
_LAUNCHERS = ("SETUID", "SETGID", "KILL")
"""The launcher's capabilities: to become another user, and to end that user's processes."""
_PIDS = 1024  # and no ulimit nproc: the kernel counts that by user, over all containers together
_GLANCE = 0.25  # seconds until it is looked whether a container that is awaited has ended
_ARRIVAL_LIMIT = 20  # seconds
_LEFTOVER_LIMIT = 600.0  # seconds that it is tried to remove what an engine's fault has left
_LEFTOVER_PAUSE = 1.0
_SWEEPS = 8  # removals side by side
_NO_LIMIT = (
    "the engine has no control group for it (on the kernel's command line: cgroup_enable=memory; a"
    " rootless engine needs cgroup v2)"
)
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
        doors: Path,
        *,
        scratch: Scratch | None = None,
        reopen_scratch: Callable[[], Scratch | str] | None = None,
        warn: Callable[[str], object] = lambda _: None,
        passages: Passages = usual,
        reaper: Reaper | None = None,
        health: Health | None = None,
        network: NetworkChoice = NetworkChoice.ENGINE,
    ) -> None:
        """`doors`: a folder for the doors of its containers, this engine's alone. `scratch`: disks
        of this machine, not used for an engine on another. `reopen_scratch`: gives new ones when
        those have failed, or says why it cannot. `passages`: gives the ways in which
        containers may come here, likeliest first. `reaper`: removes what it makes should this
        process be killed; it is closed with the engine. `health`: hears what it does without.

        Raises `EngineUnreachable`.
        """
        self._warn = warn
        self._api = client.api
        self.facts = look(self._api)
        self._passages = passages
        self._health = health or Health()
        self._choice = Choice(self._health)
        self._reaper = reaper
        self._choosing = threading.Lock()
        self._passwords = Passwords(self._api)
        self._network = Network(self._api, network, self.facts.architecture, self._health)
        self._doors = Doors(doors, self.facts.architecture, self._health)
        self._disks = Disks(scratch, reopen=reopen_scratch, health=self._health, warn=warn)
        if (scratch or reopen_scratch) and (fault := _no_disks(self.facts)):
            self._disks.forgo(fault, for_good=True)
        if not self.facts.limits_memory:
            warn(f"memory is not limited: {_NO_LIMIT}")
            self._health.report("memory limits", _NO_LIMIT, degraded=True)
        self.memory = self.facts.memory or machine_memory()

    @property
    def passage(self) -> Passage | None:
        """The one that works; None: none was tried yet."""
        return self._choice.passage

    @property
    def limits_storage(self) -> bool:
        return self._disks.there

    def create(self, spec: ContainerSpec, listener: Observer, reactor: Reactor) -> Container:
        if self._reaper is not None:
            self._reaper.watch()
            spec = replace(spec, labels={**spec.labels, **self._reaper.labels})
        try:
            container = self._create_by_best(spec, listener, reactor)
        except StartFailed as error:
            if not self._network.is_lost(error):
                raise
            container = self._create_by_best(spec, listener, reactor)
        self._network.try_it(container.id)
        return container

    def _create_by_best(
        self, spec: ContainerSpec, listener: Observer, reactor: Reactor
    ) -> DockerContainer:
        """By the passage that others came by."""
        passage = self._choice.kept()
        if passage is None:
            with self._choosing:
                passage = self._choice.kept()
                if passage is None:
                    return self._create_by_any(spec, listener, reactor)
        try:
            return self._create(spec, passage, listener, reactor)
        except NotReachable:  # others came by it: the engine may be another by now
            with self._choosing:
                return self._create_by_any(spec, listener, reactor)

    def answers(self) -> str | None:
        try:
            reply = self._api.get(f"{self._api.base_url}/_ping", timeout=PING_SECONDS)
        except (DockerException, OSError) as error:
            return faults.silence(error)
        return None if reply.ok else f"HTTP status {reply.status_code}"

    def _create_by_any(
        self, spec: ContainerSpec, listener: Observer, reactor: Reactor
    ) -> DockerContainer:
        """By the first passage that works. What fails by each of them is no fault of theirs."""
        failed: list[StartFailed] = []
        for passage in self._passages(self._api):
            try:
                container = self._create(spec, passage, listener, reactor)
            except NotReachable:
                met = self._met(spec, passage, reactor)
                away = turned_away(self._doors.turned_away)
                failed.append(NotReachable(passage.explain(met) + away))
            except StartFailed as error:
                failed.append(error)
            else:
                self._choice.keep(passage, failed)
                return container
        unreachable = [fault for fault in failed if isinstance(fault, NotReachable)]
        raise unreachable[-1] if unreachable else failed[0]

    def _met(self, spec: ContainerSpec, passage: Passage, reactor: Reactor) -> int:
        """What a launcher meets that cannot come: its exit code, or 0 where it has none."""
        door = passage.door(self._doors, reactor.loop)
        id = ""
        try:
            mounts = [bind(INSIDE, door.folder, passage)]
            id = self._make(spec, mounts, door, passage, auto_remove=False)
            self._api.start(id)
            return int(self._api.wait(id, timeout=_ARRIVAL_LIMIT)["StatusCode"])
        except (DockerException, OSError):
            return 0
        finally:
            self._discard(id, door, reactor)

    def _discard(self, id: str, door: Door, reactor: Reactor) -> None:
        """A container that is of no use, if there is one, and its door. One that stays after all is
        swept: why it was of no use counts more."""
        reactor.call(door.close)
        if id:
            with contextlib.suppress(EngineError):
                remove(self._api, id)
        door.remove()

    def _discard_later(self, id: str, door: Door, reactor: Reactor) -> None:
        """What the engine has made of it before it failed, once it answers again."""
        reactor.call(door.close)

        def discard() -> None:
            give_up = time.monotonic() + _LEFTOVER_LIMIT
            while id and time.monotonic() < give_up:
                try:
                    remove(self._api, id)
                    break
                except EngineError:
                    time.sleep(_LEFTOVER_PAUSE)
            door.remove()

        threading.Thread(target=discard, name="leftover", daemon=True).start()

    def _create(
        self, spec: ContainerSpec, passage: Passage, listener: Observer, reactor: Reactor
    ) -> DockerContainer:
        scratch = self._disks.now()
        try:
            with contextlib.ExitStack() as held:  # by their mounts, from the start on
                disk = held.enter_context(scratch.disk(spec.storage)) if scratch else None
                return self._start(spec, passage, disk, listener, reactor)
        except StartFailed as error:
            if scratch is None or not any(fault in error.message for fault in _NO_DISK):
                raise
            self._disks.forgo(error.message)
            return self._start(spec, passage, None, listener, reactor)

    def _start(
        self,
        spec: ContainerSpec,
        passage: Passage,
        disk: str | None,
        listener: Observer,
        reactor: Reactor,
    ) -> DockerContainer:
        loop = reactor.loop
        try:
            door = passage.door(self._doors, loop)
        except OSError as error:
            kind = EngineUnreachable if error.errno in SHORTAGES else StartFailed
            raise kind(f"there is no door for it: {error}") from None
        id = ""
        try:
            image = self._image(spec.image)
            mounts = self._mounts(spec, image, passage, door, disk)
            with image_volumes.held(self._api, image.id, image.volumes, spec.labels) as holder:
                id = self._make(spec, mounts, door, passage, volumes_of=holder)
            if image.volumes:
                image_volumes.check(self._api.inspect_container(id))
            container = DockerContainer(
                id,
                api=self._api,
                image=image,
                door=door,
                forwards=spec.forwards,
                listener=listener,
                loop=loop,
            )
            reactor.call(door.open, container)
            self._api.start(id)
            self._await_arrival(container)
        except (DockerException, OSError, EngineError) as error:
            fault = faults.told(error, f"the container could not {'start' if id else 'be made'}")
            own = isinstance(fault, EngineUnreachable)
            (self._discard_later if own else self._discard)(id, door, reactor)
            raise fault from None
        return container

    def _await_arrival(self, container: DockerContainer) -> None:
        """Raises `NotReachable`."""
        pause, give_up = _GLANCE, time.monotonic() + _ARRIVAL_LIMIT
        while not container.arrived.wait(pause):
            if time.monotonic() > give_up or not is_running(self._api, container.id):
                raise NotReachable("the container did not come by its door")
            pause *= 2

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

    def _image(self, reference: str) -> Image:
        return read_image(self._api.inspect_image(reference))  # type: ignore[no-untyped-call]

    def _make(
        self,
        spec: ContainerSpec,
        mounts: list[Mount],
        door: Door,
        passage: Passage,
        *,
        volumes_of: str = "",
        auto_remove: bool = True,
    ) -> str:
        making = Making(
            image=spec.image,
            labels=spec.labels,
            entrypoint=[LAUNCHER],
            command=door.addresses,
            name=spec.name,
            platform=spec.platform,
            environment={TOKEN: door.token} if door.token else {},
            user=_USER,
            capabilities=_LAUNCHERS,
            security=_security(self.facts),
            memory=spec.memory,
            pids=_PIDS,
            mounts=mounts,
            volumes_of=volumes_of,
            network=self._network.mode(),
            hosts=passage.hosts,
            removes_itself=auto_remove,
        )
        return make(self._api, making)

    def _mounts(
        self,
        spec: ContainerSpec,
        image: Image,
        passage: Passage,
        door: Door,
        disk: str | None,
    ) -> list[Mount]:
        mounts = [tmp(disk), bind(INSIDE, door.folder, passage)]
        mounts += image_volumes.temporary(image.volumes, spec.storage)
        if spec.code is not None:
            mounts.append(bind("/var/task", spec.code, passage))
        users = self._passwords.for_image(image.id, spec.labels)
        if users is not None:
            name = f"passwd-{hashlib.sha256(users).hexdigest()[:16]}"
            mounts.append(bind("/etc/passwd", self._doors.file(name, users), passage))
        return mounts


def look(api: docker.APIClient) -> EngineFacts:
    """What the engine says of itself. Raises `EngineUnreachable`."""
    try:
        return read_engine(api.info(), api.version())
    except (DockerException, OSError) as error:
        raise EngineUnreachable(f"the Docker Engine does not answer: {error}") from None


def is_here(facts: EngineFacts) -> bool:
    """Whether the engine's devices are ours: not in a virtual machine, nor in a container."""
    machine = os.uname()
    return (facts.machine, facts.kernel) == (machine.nodename, machine.release)


def _no_disks(facts: EngineFacts) -> str:
    """Why the engine cannot use disks of ours; empty if it can."""
    if not is_here(facts):
        return "the engine is not on this machine"
    if facts.kind in (Kind.PODMAN, Kind.ROOTLESS_PODMAN):
        return "Podman passes over what a volume is to be made of"  # without a word
    return ""


def _security(facts: EngineFacts) -> list[str]:
    """A function's code is a folder of this machine, which does not carry SELinux's label for
    containers; relabelling files of the user's would change what others may do with them."""
    return ["label=disable"] if facts.labels_files else []
