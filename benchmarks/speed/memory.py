"""Memory of processes and containers, in MiB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

MIB = 1024 * 1024


def tree(pid: int) -> dict[str, float]:
    """`Rss` and `Pss` of a process and all below it; pages that they share count once in `Pss`
    (https://docs.kernel.org/filesystems/proc.html)."""
    total = {"Rss": 0.0, "Pss": 0.0}
    for process in processes_below(pid):
        with suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                name, _, amount = line.partition(":")
                if name in total:
                    total[name] += int(amount.split()[0]) / 1024
    return total


def container(stats: dict[str, Any]) -> float:
    """The memory of the control group without unused file pages, as in `docker stats`, in MiB;
    `stats` are the engine's."""
    memory = stats["memory_stats"]
    unused = memory["stats"].get("total_inactive_file", memory["stats"].get("inactive_file", 0))
    return float(memory["usage"] - unused) / MIB


def processes_below(pid: int) -> Iterator[int]:
    """A process and all below it; those that end meanwhile may be left out."""
    yield pid
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in listed.read_text().split():
                yield from processes_below(int(child))
