"""Processor time of groups of processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from benchmarks.speed.memory import processes_below

_TICK = os.sysconf("SC_CLK_TCK")
_PARENT, _USER, _SYSTEM = 1, 11, 12  # fields of a process' stat, counted from behind its name
Group = Callable[[], Iterable[int]]
"""The ids of the processes that belong to it now."""


class Spent(NamedTuple):
    """Milliseconds, in the kernel's steps of some ms."""

    all: float
    in_kernel: float


def tree(pid: int) -> Group:
    """A process and all below it."""
    return lambda: processes_below(pid)


def named(name: str) -> Group:
    """All processes with a command of this name, of whoever."""

    def found() -> Iterable[int]:
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if (folder / "comm").read_text().strip() == name:
                    yield int(folder.name)

    return found


def parent(pid: int) -> int:
    return int(_stat(pid)[_PARENT])


def spent(groups: Mapping[str, Group]) -> dict[str, Spent]:
    """The processor time of each group up to now, without processes that have ended."""
    totals = {}
    for name, group in groups.items():
        user = system = 0.0
        for pid in group():
            with suppress(OSError):
                fields = _stat(pid)
                user += int(fields[_USER]) * 1000 / _TICK
                system += int(fields[_SYSTEM]) * 1000 / _TICK
        totals[name] = Spent(user + system, system)
    return totals


def of(pid: int) -> float:
    """The processor time of one process up to now, in milliseconds."""
    return spent({"": lambda: [pid]})[""].all


def _stat(pid: int) -> list[str]:
    """https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html; raises OSError."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
