"""The Engine protocol: how containers run, without a word about Lambda. Values only.

An engine starts a container, hands its output to a listener line by line, and says how it ended.
`flush` is the part that other engines lack: it asks for a sign that everything printed so far has
been handed over, so that no line is lost or counted to the wrong invocation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True, kw_only=True)
class ContainerSpec:
    """A container to run. `entrypoint` and `arguments` of None mean the image's own."""

    image: str
    name: str
    memory: int  # MB; there is no swap on top
    storage: int = 512  # MB of /tmp, where the engine can limit it
    entrypoint: tuple[str, ...] | None = None
    arguments: tuple[str, ...] | None = None
    working_directory: str | None = None  # None: the image's own
    platform: str | None = None  # such as linux/arm64; None: what the image is for
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()  # names that lead to this machine
    code: Path | None = None  # folder, read-only at /var/task


@dataclass(frozen=True, kw_only=True)
class ContainerExit:
    """How the main process ended. `code` of None: nobody knows (killed from outside, for one)."""

    code: int | None
    out_of_memory: bool = False


class Listener(Protocol):
    """Told about one container, in order, on one thread of the engine."""

    def output(self, line: bytes) -> None:
        """One line that the container printed, without its line end."""

    def flushed(self, peak: int) -> None:
        """All output from before a `flush` was handed over. `peak`: bytes of memory, at most."""

    def exited(self, exit: ContainerExit) -> None:
        """Said once; no output follows."""


class Container(Protocol):
    """A container that was started. Every verb is harmless on one that has ended."""

    id: str

    def flush(self) -> None:
        """Answered by `Listener.flushed`, or by `exited`."""

    def freeze(self) -> None: ...

    def thaw(self) -> None: ...

    def limit_cpu(self, cpus: float | None) -> None:
        """From now on it has `cpus` processors' worth of time, less than 1 too; None: no limit."""

    def kill(self) -> None:
        """Ends it at once; `Listener.exited` follows."""

    def remove(self) -> None:
        """Nothing is left of it afterwards."""


class Engine(Protocol):
    can_freeze: bool
    memory: int
    """MB that the engine's machine has."""
    gateway: str
    """Address of this machine as containers see it; listeners for containers bind to it."""

    @property
    def limits_storage(self) -> bool:
        """Whether /tmp has the size that was asked for; otherwise it shares the engine's disk."""

    def run(self, spec: ContainerSpec, listener: Listener) -> Container:
        """Creates and starts; raises `StartFailed`, and then nothing is left behind."""

    def sweep(self, label: str) -> int:
        """Removes every container with this `name=value` label; returns how many there were."""

    def close(self) -> None: ...
