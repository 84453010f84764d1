"""Samples of the soak: a server's memory, descriptors, files, containers, and answers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks.speed import memory, processors

MIB = 1024 * 1024


@dataclass(frozen=True)
class Sample:
    """One look at the server, and what was called since the look before."""

    second: float  # since the load began
    rss: float  # MiB, of the process and all below it
    pss: float
    descriptors: int
    threads: int
    used: float  # MiB of the database that hold something
    file: float  # MiB
    log: float  # MiB of its write-ahead log
    folder: float  # MiB of everything else in the data folder
    containers: int
    removed: int  # rows that the retention has removed since the start
    median: float  # ms, of a warm call
    p99: float
    calls: int
    failed: int
    busy: float  # part of a processor that the server took


class Watch:
    def __init__(self, *, server: int, data_dir: Path, docker: Any, containers: Any) -> None:
        """`containers`: the engine's filter for those of the server, a process id."""
        self._server = server
        self._data_dir = data_dir
        self._docker = docker
        self._containers = containers
        self._spent, self._at = processors.of(self._server), 0.0

    def look(
        self, second: float, status: Any, taken: Sequence[float], ended: int, failed: int
    ) -> Sample:
        """`status`: the server's own report; `taken`: milliseconds."""
        held = memory.tree(self._server)
        spent, passed = processors.of(self._server), second - self._at
        busy = (spent - self._spent) / 1000 / passed if passed else 0.0
        self._spent, self._at = spent, second
        stored = status["stored"]
        found = self._docker.api.containers(all=True, filters=self._containers)
        return Sample(
            second=second,
            rss=held["Rss"],
            pss=held["Pss"],
            descriptors=len(os.listdir(f"/proc/{self._server}/fd")),
            threads=len(os.listdir(f"/proc/{self._server}/task")),
            used=stored["size"] / MIB,
            file=stored["fileSize"] / MIB,
            log=stored["logSize"] / MIB,
            folder=self._folder() / MIB,
            containers=len(found),
            removed=sum(stored["removed"].values()),
            median=percentile(taken, 50),
            p99=percentile(taken, 99),
            calls=ended,
            failed=failed,
            busy=busy,
        )

    def _folder(self) -> int:
        """Bytes in the data folder, but for the database; a file with two names counts once."""
        sizes: dict[int, int] = {}
        for folder, _, names in os.walk(self._data_dir):
            for name in names:
                with suppress(FileNotFoundError):
                    if not name.startswith("taskdock.db"):
                        found = os.lstat(Path(folder) / name)
                        sizes[found.st_ino] = found.st_blocks * 512
        return sum(sizes.values())


def percentile(taken: Sequence[float], which: int) -> float:
    if len(taken) < 2:
        return taken[0] if taken else 0.0
    return quantiles(taken, n=100)[which - 1]


def summed(counts: Sequence[Counter[str]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for each in counts:
        total.update(each)
    return total
