"""Shortfalls: the abilities that a server on this machine lacks, without trying anything."""

from __future__ import annotations

from pathlib import Path

from taskdock.engines.engine import Engine
from taskdock.server.doctor import machine
from taskdock.server.doctor.judges import judge_machine
from taskdock.server.doctor.judges.finding import CheckStatus


def shortfalls(engine: Engine, data: Path) -> list[str]:
    """The shortfalls, each in a few words. `data`: the data folder, which must exist."""
    found = {
        "memory limits are not kept": not engine.capabilities.limits_memory,
        "the size of /tmp is not limited": not engine.capabilities.limits_storage,
        "few file descriptors": _is_short(judge_machine.descriptors(machine.descriptors()).status),
        "little disk": _is_short(judge_machine.disk(machine.room(data), None).status),
    }
    return [words for words, applies in found.items() if applies]


def _is_short(status: CheckStatus) -> bool:
    return status in (CheckStatus.DEGRADED, CheckStatus.BROKEN)
