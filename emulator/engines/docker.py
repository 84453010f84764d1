"""Docker as an Engine: one container per `create`, its console on one attached connection."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import docker
from docker.errors import APIError, DockerException, NotFound
from docker.types import DriverConfig, LogConfig, Mount, Ulimit

from emulator import ids
from emulator.engines.console import (
    COMMAND,
    FLUSH,
    RUN,
    STOP,
    Console,
    Flushed,
    Printed,
    Said,
)
from emulator.engines.engine import Container, ContainerSpec, Listener, ProgramExit
from emulator.engines.freezer import Freezer, thaw
from emulator.engines.scratch import FILE_SYSTEM, MOUNT_OPTIONS, Scratch
from emulator.errors import EngineError, EngineUnreachable, StartFailed

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
_CPU_PERIOD = 100_000  # microseconds, of which a container has its share
_LEAST_CPU = 1000  # microseconds; Linux takes no less
_NOT_OURS = ("HOME", "HOSTNAME", "TERM")  # what engines add to what they are told
_REMOVE_LIMIT = 20.0  # seconds until a container that is being removed must be gone
_REMOVE_PAUSE = 0.05
_SWEEPS = 8  # removals side by side
_THAW_TRIES = 20
_THAW_PAUSE = 0.01  # seconds
_READ = 64 * 1024
_NOT_MOUNTED = "failed to mount local volume"  # what Docker says of a disk that it cannot use
_WRONG_STATE = (304, 404, 409)
_HEADER = struct.Struct(">BxxxL")  # of each piece of attached output: stream, length


def connect(address: str) -> docker.DockerClient:
    """A client for the engine at `address`, such as unix:///var/run/docker.sock.

    Raises `EngineUnreachable`.
    """
    try:
        return docker.DockerClient(
            base_url=address, version="auto", timeout=_REQUEST_LIMIT, max_pool_size=_CONNECTIONS
        )
    except DockerException as error:
        raise EngineUnreachable(f"the Docker Engine does not answer: {error}") from None


class DockerEngine:
    def __init__(
        self,
        client: docker.DockerClient,
        scratch: Scratch | None = None,
        warn: Callable[[str], object] = lambda _: None,
    ) -> None:
        """`scratch`: disks of this machine; not used for an engine on another.

        Raises `EngineUnreachable`.
        """
        self._warn = warn
        self._api = client.api
        try:
            info = self._api.info()
            bridge = self._api.inspect_network("bridge")
        except (DockerException, OSError) as error:
            raise EngineUnreachable(f"the Docker Engine does not answer: {error}") from None
        self.can_freeze = True
        self._freezer = Freezer()
        self._is_here = _is_here(info)
        self._scratch = scratch
        if scratch is not None and not self._is_here:
            self._forgo_scratch("the engine is not on this machine")
        self.memory = int(info["MemTotal"]) // 1024 // 1024
        self.gateway = str((bridge["IPAM"]["Config"] or [{}])[0].get("Gateway") or "127.0.0.1")

    def create(self, spec: ContainerSpec, listener: Listener) -> Container:
        scratch = self._scratch
        if scratch is None:
            return self._start(spec, listener, None)
        try:
            with scratch.disk(spec.storage) as device:  # kept by its mount from the start on
                return self._start(spec, listener, device)
        except StartFailed as error:
            if _NOT_MOUNTED not in error.message:
                raise
            self._forgo_scratch(error.message)
            return self._start(spec, listener, None)

    @property
    def limits_storage(self) -> bool:
        return self._scratch is not None

    def _forgo_scratch(self, reason: str) -> None:
        self._scratch = None
        self._warn(f"the size of /tmp is not limited: {reason}")

    def _start(self, spec: ContainerSpec, listener: Listener, disk: str | None) -> Container:
        try:
            id = self._create(spec, disk)
        except (DockerException, OSError) as error:
            raise StartFailed(f"the container could not be made: {_reason(error)}") from None
        wire: socket.socket | None = None
        try:
            wire = self._attach(id)
            self._api.start(id)
            container = DockerContainer(self._api, self._freezer, id, wire)
            container.listen(listener)
        except (DockerException, OSError) as error:
            if wire is not None:
                wire.close()
            with contextlib.suppress(DockerException):
                self._api.remove_container(id, force=True, v=True)
            raise StartFailed(f"the container did not start: {_reason(error)}") from None
        return container

    @property
    def freezes_at_once(self) -> bool:
        return self._is_here and self._freezer.works

    def sweep(self, label: str) -> int:
        found = self._api.containers(all=True, filters={"label": label})
        with ThreadPoolExecutor(_SWEEPS) as sweepers:
            list(sweepers.map(lambda container: _remove(self._api, container["Id"]), found))
        return len(found)

    def close(self) -> None:
        self._freezer.close()
        self._api.close()

    def _create(self, spec: ContainerSpec, disk: str | None) -> str:
        image = self._api.inspect_image(spec.image)["Config"]  # type: ignore[no-untyped-call]
        entrypoint = image["Entrypoint"] or [] if spec.entrypoint is None else spec.entrypoint
        arguments = image["Cmd"] or [] if spec.arguments is None else spec.arguments
        wanted = {entry.partition("=")[0] for entry in image["Env"] or []} | spec.environment.keys()
        added = [name for name in _NOT_OURS if name not in wanted]
        created = self._api.create_container(
            spec.image,
            entrypoint=list(COMMAND),
            command=[" ".join(added), *entrypoint, *arguments],
            working_dir=spec.working_directory,
            platform=spec.platform,
            name=spec.name,
            user=_USER,
            environment=dict(spec.environment),
            labels=dict(spec.labels),
            stdin_open=True,  # closed with the one connection to it, so nothing outlives its server
            host_config=self._host_config(spec, disk),
            use_config_proxy=False,  # proxies of this user's are not a function's business
        )
        return str(created["Id"])

    def _host_config(self, spec: ContainerSpec, disk: str | None) -> dict[str, Any]:
        mounts = [_tmp(disk)]
        if spec.code is not None:
            mounts.append(Mount("/var/task", str(spec.code), type="bind", read_only=True))
        config: dict[str, Any] = self._api.create_host_config(
            mem_limit=f"{spec.memory}m",
            memswap_limit=f"{spec.memory}m",
            pids_limit=_PIDS,
            ulimits=list(_LIMITS),
            cap_drop=["ALL"],
            security_opt=["no-new-privileges"],
            read_only=True,
            mounts=mounts,
            extra_hosts=dict.fromkeys(spec.hosts, "host-gateway"),
            log_config=LogConfig(type="none"),  # all output goes through the console
            auto_remove=True,
        )
        return config

    def _attach(self, id: str) -> socket.socket:
        params = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        attached = self._api.attach_socket(id, params=params)
        # The SDK's socket would go when its response object is collected: take a descriptor of our
        # own, and close that one now.
        wire = socket.socket(fileno=os.dup(attached.fileno()))
        attached._sock.close()
        attached.close()
        return wire


class DockerContainer:
    """One running container. A thread reads its output; the connection's end is its end."""

    def __init__(
        self, api: docker.APIClient, freezer: Freezer, id: str, wire: socket.socket
    ) -> None:
        self.id = id
        self._api = api
        self._freezer = freezer
        self._wire = wire
        self._mark = ids.word(32)
        self._console = Console(self._mark)
        self._running = False  # the program; changed by `run` and by the reading thread

    def listen(self, listener: Listener) -> None:
        self._wire.settimeout(None)
        self._say(f"{self._mark}\n".encode())
        threading.Thread(
            target=self._read, args=(listener,), name=f"console-{self.id[:8]}", daemon=True
        ).start()

    def run(self) -> None:
        self._running = True
        self._say(RUN)

    def stop(self) -> None:
        self._say(STOP)

    def flush(self) -> None:
        self._say(FLUSH)

    def mute(self) -> None:
        self._console.muted = True

    def freeze(self) -> None:
        if not self._freezer.freeze(self.id):
            self._try(self._api.pause)

    def thaw(self) -> None:
        """Engines were seen to lose an unpause that follows a pause at once: look, and repeat."""
        if thaw(self.id):
            return
        for attempt in range(_THAW_TRIES):
            if not self._is("Paused"):
                return
            time.sleep(_THAW_PAUSE * attempt)
            self._try(self._api.unpause)
        raise EngineError("the container stays paused")

    def limit_cpu(self, cpus: float | None) -> None:
        quota = -1 if cpus is None else max(_LEAST_CPU, round(cpus * _CPU_PERIOD))
        self._try(partial(self._api.update_container, cpu_period=_CPU_PERIOD, cpu_quota=quota))

    def kill(self) -> None:
        thaw(self.id)
        self._try(self._api.kill)

    def remove(self) -> None:
        _remove(self._api, self.id)

    def _say(self, word: bytes) -> None:
        with contextlib.suppress(OSError):  # it has ended, and `gone` says so
            self._wire.sendall(word)

    def _try(self, verb: Callable[[str], object]) -> None:
        """That the container is not in the state for it, or has ended meanwhile, is fine."""
        try:
            verb(self.id)
        except (DockerException, OSError) as error:
            wrong_state = isinstance(error, APIError) and error.status_code in _WRONG_STATE
            if not wrong_state and self._is("Running"):
                raise EngineError(_reason(error)) from None

    def _is(self, state: str) -> bool:
        try:
            return bool(self._api.inspect_container(self.id)["State"][state])
        except NotFound:
            return False
        except (DockerException, OSError) as error:
            raise EngineError(_reason(error)) from None

    def _read(self, listener: Listener) -> None:
        try:
            with self._wire:
                for data in _pieces(self._wire):
                    self._tell(self._console.feed(data), listener)
            self._tell(self._console.end(), listener)
        finally:
            if self._running:
                listener.exited(ProgramExit(code=None))
            listener.gone()

    def _tell(self, said: list[Said], listener: Listener) -> None:
        for words in said:
            if isinstance(words, Printed):
                listener.output(words.line)
            elif isinstance(words, Flushed):
                listener.flushed(words.peak)
            else:
                self._running = False
                listener.exited(words)


def _is_here(info: dict[str, Any]) -> bool:
    """Whether the engine's devices are ours: not in a virtual machine, nor in a container."""
    machine = os.uname()
    return (info["Name"], info["KernelVersion"]) == (machine.nodename, machine.release)


def _tmp(disk: str | None) -> Mount:
    """A volume that goes with its container: on the given device, or else without a limit."""
    if disk is None:
        return Mount("/tmp", None, type="volume")  # noqa: S108 - the container's own
    options = {"type": FILE_SYSTEM, "device": disk, "o": MOUNT_OPTIONS}
    driver = DriverConfig("local", options)
    return Mount("/tmp", None, type="volume", no_copy=True, driver_config=driver)  # noqa: S108


def _pieces(wire: socket.socket) -> Iterator[bytes]:
    """The payloads of an attached connection, until it ends; many small ones come together."""
    buffer = bytearray()
    with contextlib.suppress(OSError):
        while data := wire.recv(_READ):
            buffer += data
            payloads, begin = [], 0
            while len(buffer) - begin >= _HEADER.size:
                payload = begin + _HEADER.size
                end = payload + _HEADER.unpack_from(buffer, begin)[1]
                if len(buffer) < end:
                    break
                payloads.append(buffer[payload:end])
                begin = end
            del buffer[:begin]
            yield b"".join(payloads)


def _remove(api: docker.APIClient, id: str) -> None:
    """Returns when it is gone: the engine may be at removing it already."""
    limit = time.monotonic() + _REMOVE_LIMIT
    thaw(id)
    while True:
        try:
            api.remove_container(id, force=True, v=True)
            return
        except NotFound:
            return
        except (DockerException, OSError) as error:
            if time.monotonic() > limit:
                raise EngineError(f"the container {id[:12]} stays: {_reason(error)}") from None
        time.sleep(_REMOVE_PAUSE)


def _reason(error: Exception) -> str:
    return str(getattr(error, "explanation", None) or error)
