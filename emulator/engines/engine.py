"""The Engine protocol: how containers run, without a word about Lambda. Values only.

An engine makes a container and runs a program in it, again and again if need be; it hands the
output to an observer line by line, and says how the program ended. `flush` is the part that other
engines lack: it asks for a sign that everything printed so far has been handed over, so that no
line is lost or counted to the wrong invocation.

The program is named when it is run, not when the container is made: so a container can be started
before anybody knows what for.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from taskdock.base.timing.reactor import Reactor
from taskdock.engines.ending import ProgramExit


@dataclass(frozen=True, kw_only=True)
class Mount:
    """A folder or a file of this machine that a container sees."""

    source: Path
    """Absolute, on this machine."""
    target: str
    """Absolute, in the container: /var/task, for one."""
    read_only: bool = True


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """All that is fixed for a container as long as it is there."""

    image: str
    name: str
    memory: int  # MB; there is no swap on top
    storage: int = 512  # MB of /tmp, where the engine can limit it
    platform: str | None = None  # such as linux/arm64; None: what the image is for
    labels: Mapping[str, str] = field(default_factory=dict)
    forwards: Mapping[int, str] = field(default_factory=dict)
    """Ports of its loopback from which connections lead here, each with a letter of its own."""
    mounts: tuple[Mount, ...] = ()

    def source_of(self, target: str) -> Path | None:
        """The folder or file that the container sees there; None: nothing is mounted there."""
        found = (mount.source for mount in self.mounts if mount.target == target)
        return next(found, None)


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program to run in a container. None means the image's own."""

    entrypoint: tuple[str, ...] | None = None
    arguments: tuple[str, ...] | None = None
    candidates: tuple[str, ...] = ()
    """Paths of which the first that exists is run, in place of an entry point."""
    working_directory: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    """Beside the image's variables."""


class Observer(Protocol):
    """Told about one container, in order, on the reactor's thread."""

    def output(self, line: bytes) -> None:
        """One line that the container printed, without its line end."""

    def flushed(self, peak: int) -> None:
        """All output from before a `flush` was handed over. `peak`: bytes of memory, at most."""

    def exited(self, exit: ProgramExit) -> None:
        """The program has ended: said once for each `run`, behind everything that it printed."""

    def called(self, letter: str, connection: socket.socket) -> None:
        """A program has connected to the forward of this letter. The connection is the observer's
        now, and does not block."""

    def gone(self) -> None:
        """The container has ended: said once, and nothing follows."""


Dialed = Callable[["socket.socket | None"], object]
"""Called once on the reactor's thread: with a connection, which does not block; or with None, where
nobody listens, or the container has ended."""


class Container(Protocol):
    """A container that was started. Every verb is harmless on one that has ended.

    `run`, `stop`, `flush`, `mute`, `freeze`, `thaw` and `dial` belong to the reactor's thread and
    take no time; `kill` takes none either, on any thread. The others are for any thread, and may
    wait for the engine.
    """

    id: str

    def run(self, program: Program) -> None:
        """Starts it, once what ran before has ended. `Observer.exited` follows in the end."""

    def stop(self) -> None:
        """Ends the program and all its processes; the container stays, and /tmp with it."""

    def flush(self) -> None:
        """Asks for `Observer.flushed`, which may come before this returns; or `gone` comes."""

    def mute(self) -> None:
        """From now on output is not handed over, until the next `flushed` or `exited`."""

    def freeze(self) -> None:
        """The container's processes stand still from the next moment on, until `thaw`."""

    def thaw(self) -> None: ...

    def dial(self, port: int, dialed: Dialed) -> None:
        """Connects to a port of the container's loopback, and gives the connection to `dialed`."""

    def rename(self, name: str) -> None:
        """For people who look at containers."""

    def limit_cpu(self, cpus: float | None) -> None:
        """From now on the container has `cpus` processors' worth of time, less than 1 too; None: no
        limit."""

    def kill(self) -> None:
        """Ends the container at once; `Observer.gone` follows."""

    def remove(self) -> None:
        """Removes the container; nothing is left of it afterwards."""


@dataclass(frozen=True, kw_only=True)
class Capabilities:
    """The limits that an engine keeps at the moment. Where it cannot keep one, containers start
    all the same."""

    limits_memory: bool = True
    limits_storage: bool = True
    """A container's /tmp has the size that was asked for; otherwise it shares the engine's disk."""


@dataclass(frozen=True, kw_only=True)
class EngineDescription:
    """An engine in words for people. An empty text: the engine does not say."""

    kind: str
    version: str = ""
    api: str = ""
    system: str = ""
    kernel: str = ""
    architecture: str = ""
    cgroup: str = ""
    """The version of its control groups."""
    transport: str = ""
    """The way by which containers come here; empty: none was tried yet."""


class Engine(Protocol):
    memory: int
    """MB that the engine's machine has."""

    @property
    def description(self) -> EngineDescription: ...

    @property
    def capabilities(self) -> Capabilities:
        """The limits of the moment: a limit may be lost, and may come back."""

    def create(self, spec: ContainerSpec, observer: Observer, reactor: Reactor) -> Container:
        """A container that waits for `run`. It sees all of `spec.mounts`, or does not start.

        Raises `StartFailed`, and then nothing is left; or `EngineUnreachable`, when it is the
        engine that failed: what it made of it is removed when it answers again. For any thread but
        the reactor's, on which the observer is told.
        """

    def answers(self) -> str | None:
        """None: the engine answers. Otherwise the fault, in a few words, after a few seconds at
        most."""

    def sweep(self, label: str) -> int:
        """Removes every container with this `name=value` label; returns how many there were.

        Raises `EngineError`.
        """

    def close(self) -> None: ...
