"""Makes one container, starts it, and waits until its launcher has come in by its door."""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Callable
from pathlib import Path

import docker
from docker.errors import DockerException
from docker.types import Mount as DockerMount

from taskdock.base.errors import EngineError, EngineUnreachable, NotReachable, StartFailed
from taskdock.base.files.disk import SHORTAGES
from taskdock.base.timing.clock import SystemClock
from taskdock.base.timing.reactor import Reactor
from taskdock.engines.docker import faults
from taskdock.engines.docker.containers import image_volumes
from taskdock.engines.docker.containers.container import DockerContainer
from taskdock.engines.docker.containers.creation import Creation, create
from taskdock.engines.docker.containers.mounts import bind, tmp
from taskdock.engines.docker.containers.passwd import PasswdFiles
from taskdock.engines.docker.containers.removal import is_running, remove
from taskdock.engines.docker.facts import EngineFacts, ImageFacts, read_image
from taskdock.engines.docker.transports.transports import Transport
from taskdock.engines.engine import ContainerSpec, Mount, Observer
from taskdock.engines.launcher.door import INSIDE, LAUNCHER, TOKEN, Door
from taskdock.engines.launcher.doors import Doors
from taskdock.engines.linux.disks import Disks
from taskdock.engines.linux.scratch_disk import NO_DISK

_USER = "0:0"  # the launcher's; it makes programs AWS Lambda's sbx_user1051
_LAUNCHERS = ("SETUID", "SETGID", "KILL")
"""The launcher's capabilities: to become another user, and to end that user's processes."""
_PIDS = 1024  # and no ulimit nproc: the kernel counts that by user, over all containers together
_GLANCE = 0.25  # seconds until it is looked whether a container that is awaited has ended
_ARRIVAL_LIMIT = 20  # seconds
_LEFTOVER_LIMIT = 600.0  # seconds that it is tried to remove what an engine's fault has left
_LEFTOVER_PAUSE = 1.0
_DISK_FAULTS = ("failed to mount local volume", NO_DISK)
"""Docker's words for a disk that it cannot use, and our own where none can be made."""
_CLOCK = SystemClock()  # what an engine takes is real time, whatever the server's clock says


class Starter:
    """For any thread but the reactor's."""

    def __init__(
        self,
        api: docker.APIClient,
        facts: EngineFacts,
        *,
        doors: Doors,
        disks: Disks,
        network: Callable[[], str | None],
    ) -> None:
        """`network`: gives the network of a container, None for the engine's own; it raises what
        docker-py and requests raise."""
        self._api = api
        self._facts = facts
        self._doors = doors
        self._disks = disks
        self._network = network
        self._passwords = PasswdFiles(api)

    def start(
        self, spec: ContainerSpec, transport: Transport, observer: Observer, reactor: Reactor
    ) -> DockerContainer:
        """With a scratch disk where there are any. Raises `NotReachable` where the launcher does
        not arrive by this transport, `StartFailed`, or `EngineUnreachable`."""
        scratch = self._disks.now()
        try:
            with contextlib.ExitStack() as held:  # by their mounts, from the start on
                disk = held.enter_context(scratch.disk(spec.storage)) if scratch else None
                return self._start(spec, transport, disk, observer, reactor)
        except StartFailed as error:
            if scratch is None or not any(fault in error.message for fault in _DISK_FAULTS):
                raise
            self._disks.forgo(error.message)
            return self._start(spec, transport, None, observer, reactor)

    def exit_code(self, spec: ContainerSpec, transport: Transport, reactor: Reactor) -> int:
        """The exit code of a launcher that cannot arrive by this transport: the error that it met,
        Linux's number. 0: there is none."""
        door = transport.door(self._doors, reactor.loop)
        id = ""
        try:
            mounts = [bind(Mount(source=door.folder, target=INSIDE), transport.paths)]
            id = self._create(spec, mounts, door, transport, auto_remove=False)
            self._api.start(id)
            return int(self._api.wait(id, timeout=_ARRIVAL_LIMIT)["StatusCode"])
        except (DockerException, OSError):
            return 0
        finally:
            self._discard(id, door, reactor)

    def _start(
        self,
        spec: ContainerSpec,
        transport: Transport,
        disk: str | None,
        observer: Observer,
        reactor: Reactor,
    ) -> DockerContainer:
        loop = reactor.loop
        try:
            door = transport.door(self._doors, loop)
        except OSError as error:
            kind = EngineUnreachable if error.errno in SHORTAGES else StartFailed
            raise kind(f"there is no door for it: {error}") from None
        id = ""
        try:
            image = read_image(self._api.inspect_image(spec.image))  # type: ignore[no-untyped-call]
            mounts = self._mounts(spec, image, transport, door, disk)
            with image_volumes.held(self._api, image.id, image.volumes, spec.labels) as holder:
                id = self._create(spec, mounts, door, transport, volumes_of=holder)
            if image.volumes:
                image_volumes.check(self._api.inspect_container(id))
            container = DockerContainer(
                id,
                api=self._api,
                image=image,
                door=door,
                forwards=spec.forwards,
                observer=observer,
                loop=loop,
            )
            reactor.call(door.open, container)
            self._api.start(id)
            self._await_arrival(container)
        except (DockerException, OSError, EngineError) as error:
            what = f"the container could not {'start' if id else 'be made'}"
            fault = faults.engine_error(error, what)
            own = isinstance(fault, EngineUnreachable)
            (self._discard_later if own else self._discard)(id, door, reactor)
            raise fault from None
        return container

    def _await_arrival(self, container: DockerContainer) -> None:
        """Raises `NotReachable`."""
        pause, give_up = _GLANCE, _CLOCK.monotonic() + _ARRIVAL_LIMIT
        while not container.arrived.wait(pause):
            if _CLOCK.monotonic() > give_up or not is_running(self._api, container.id):
                raise NotReachable("the container did not come by its door")
            pause *= 2

    def _create(
        self,
        spec: ContainerSpec,
        mounts: list[DockerMount],
        door: Door,
        transport: Transport,
        *,
        volumes_of: str = "",
        auto_remove: bool = True,
    ) -> str:
        creation = Creation(
            image=spec.image,
            labels=spec.labels,
            entrypoint=[LAUNCHER],
            command=door.addresses,
            name=spec.name,
            platform=spec.platform,
            environment={TOKEN: door.token} if door.token else {},
            user=_USER,
            capabilities=_LAUNCHERS,
            security=_security(self._facts),
            memory=spec.memory,
            pids=_PIDS,
            mounts=mounts,
            volumes_of=volumes_of,
            network=self._network(),
            hosts=transport.hosts,
            removes_itself=auto_remove,
        )
        return create(self._api, creation)

    def _mounts(
        self,
        spec: ContainerSpec,
        image: ImageFacts,
        transport: Transport,
        door: Door,
        disk: str | None,
    ) -> list[DockerMount]:
        paths = transport.paths
        mounts = [tmp(disk), bind(Mount(source=door.folder, target=INSIDE), paths)]
        mounts += image_volumes.temporary(image.volumes, spec.storage)
        mounts += [bind(mount, paths) for mount in spec.mounts]
        if (users := self._passwd(image, spec)) is not None:
            mounts.append(bind(Mount(source=users, target="/etc/passwd"), paths))
        return mounts

    def _passwd(self, image: ImageFacts, spec: ContainerSpec) -> Path | None:
        """A file in place of the image's own; None: the image's own serves."""
        users = self._passwords.for_image(image.id, spec.labels)
        if users is None:
            return None
        return self._doors.file(f"passwd-{hashlib.sha256(users).hexdigest()[:16]}", users)

    def _discard(self, id: str, door: Door, reactor: Reactor) -> None:
        """A container that is of no use, if there is one, and its door. One that stays after all is
        swept: why it was of no use counts more."""
        reactor.call(door.close)
        if id:
            with contextlib.suppress(EngineError):
                remove(self._api, id)
        door.remove()

    def _discard_later(self, id: str, door: Door, reactor: Reactor) -> None:
        """The container that the engine has made before it failed, once it answers again."""
        reactor.call(door.close)

        def discard() -> None:
            give_up = _CLOCK.monotonic() + _LEFTOVER_LIMIT
            while id and _CLOCK.monotonic() < give_up:
                try:
                    remove(self._api, id)
                    break
                except EngineError:
                    time.sleep(_LEFTOVER_PAUSE)
            door.remove()

        threading.Thread(target=discard, name="leftover", daemon=True).start()


def _security(facts: EngineFacts) -> list[str]:
    """A function's code is a folder of this machine, which does not carry SELinux's label for
    containers; relabelling files of the user's would change what others may do with them."""
    return ["label=disable"] if facts.labels_files else []
