"""Placement: which environment serves a call, and which ones are to be frozen or retired. Pure.

All functions read plain values and decide; the pool acts. `room` decides which ones make room.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

from taskdock.lambdas.lifecycle import State
from taskdock.lambdas.slot import PREFERRED, Slot


class Candidate(Protocol):
    """The fields that placement reads: `Slot`, a snapshot, has them, and so has `Environment`."""

    @property
    def fingerprint(self) -> str: ...
    @property
    def state(self) -> State: ...
    @property
    def since(self) -> float: ...
    @property
    def stale(self) -> bool: ...
    @property
    def idle(self) -> bool: ...


S = TypeVar("S", bound=Candidate)


def serve_from(pool: Iterable[S], fingerprint: str) -> S | None:
    """The idle environment to use: one that is ready before others, of these the one that was used
    last. So the others grow old and go when load falls.
    """
    idle = [s for s in pool if s.fingerprint == fingerprint and s.idle and not s.stale]
    return max(idle, key=lambda slot: (PREFERRED.index(slot.state), slot.since), default=None)


def serving_soon(pool: Iterable[Candidate], now: float, within: float) -> int:
    """The number of environments that have answered less than `within` seconds ago. They will
    hardly work on, and be free."""
    answered = [one for one in pool if one.state is State.SETTLING and not one.stale]
    return sum(now - one.since < within for one in answered)


def to_freeze(pool: Sequence[Slot], now: float, after: float) -> list[Slot]:
    """The idle environments that have been ready for `after` seconds."""
    return [s for s in pool if s.state is State.READY and s.idle and now - s.since >= after]


def to_retire(pool: Sequence[Slot], now: float, after: float, keep_warm: int = 0) -> list[Slot]:
    """Environments to retire: idle ones that have expired, but for the `keep_warm` youngest of each
    fingerprint; those that no new invocation may use; and those that have answered and then worked
    on for the whole time limit of their function."""
    idle = sorted((s for s in pool if s.idle and not s.stale), key=lambda s: -s.since)
    warm: Counter[str] = Counter()
    expired = []
    for slot in idle:
        warm[slot.fingerprint] += 1
        if warm[slot.fingerprint] > keep_warm and now - slot.since >= after:
            expired.append(slot)
    stale = [s for s in pool if s.idle and s.stale]
    lost = [s for s in pool if s.state is State.SETTLING and now - s.since >= s.time_limit]
    return [*expired, *stale, *lost]
