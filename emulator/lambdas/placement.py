"""Which environment serves, which makes room, which is frozen or retired. Pure.

All functions read plain values and decide; the pool carries out what they say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from emulator.lambdas.lifecycle import State

_PREFERRED = (State.DOWN, State.FROZEN, State.READY)
"""Those that can take an invocation, the best last."""
_LIVING = (State.STARTING, State.BUSY, State.SETTLING, *_PREFERRED)


@dataclass(frozen=True, kw_only=True)
class Slot:
    """What placement needs to know of an environment. `since`: when it last moved, monotonic."""

    id: str
    version: str
    state: State
    memory: int  # MB
    since: float
    time_limit: float = 300.0  # seconds, of its function
    stale: bool = False  # its function has changed or gone
    reserved: bool = False  # for the lease that started it

    @property
    def idle(self) -> bool:
        return self.state in _PREFERRED and not self.reserved


def serve_from(pool: Sequence[Slot], version: str) -> Slot | None:
    """The idle environment to use: one that is ready first, the most recently used one first.

    Most recent first lets the others grow old and go when load falls.
    """
    idle = [s for s in pool if s.version == version and s.idle and not s.stale]
    return max(idle, key=lambda slot: (_PREFERRED.index(slot.state), slot.since), default=None)


def to_evict(pool: Sequence[Slot], megabytes: int, budget: int) -> list[Slot] | None:
    """The idle environments to retire so that `megabytes` more fit into `budget`.

    The longest idle go first; none that works is touched. None: it does not fit now. An
    environment larger than the whole budget may run alone.
    """
    held = sum(slot.memory for slot in pool if slot.state in _LIVING)
    chosen: list[Slot] = []
    idle = sorted((slot for slot in pool if slot.idle), key=lambda slot: slot.since)
    for slot in idle:
        if held + megabytes <= budget:
            break
        chosen.append(slot)
        held -= slot.memory
    return chosen if held + megabytes <= budget or held == 0 else None


def to_freeze(pool: Sequence[Slot], now: float, after: float) -> list[Slot]:
    """Those that have been ready for `after` seconds."""
    return [s for s in pool if s.state is State.READY and s.idle and now - s.since >= after]


def to_retire(pool: Sequence[Slot], now: float, after: float) -> list[Slot]:
    """Idle ones that have expired, or that no new invocation may use; and those that have answered
    and then worked on for the whole time limit of their function."""
    return [
        s
        for s in pool
        if (s.idle and (s.stale or now - s.since >= after))
        or (s.state is State.SETTLING and now - s.since >= s.time_limit)
    ]
