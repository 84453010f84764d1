"""Which environment serves, which is frozen or retired. Pure; `room` says which makes room.

All functions read plain values and decide; the pool carries out what they say.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from emulator.lambdas.lifecycle import State

_PREFERRED = (State.DOWN, State.FROZEN, State.READY)
"""Those that can take an invocation, the best last."""


def is_idle(state: State, reserved: bool) -> bool:
    return state in _PREFERRED and not reserved


class Server(Protocol):
    """What tells whether an environment serves a call: a `Slot` does, and it does itself."""

    @property
    def version(self) -> str: ...
    @property
    def state(self) -> State: ...
    @property
    def since(self) -> float: ...
    @property
    def stale(self) -> bool: ...
    @property
    def idle(self) -> bool: ...


S = TypeVar("S", bound=Server)


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
    reserved: bool = False  # for a lease that it has not answered in
    function: str = ""  # its name, for who looks

    @property
    def idle(self) -> bool:
        return is_idle(self.state, self.reserved)


@dataclass(frozen=True, kw_only=True)
class StockLevel:
    """Containers that are prepared for functions of one kind, which none of them serves yet."""

    runtime: str
    memory: int  # MB
    count: int
    wanted: int


def held(pool: Iterable[Slot]) -> int:
    """MB that all of them hold together, what is being removed too: until it is gone."""
    return sum(slot.memory for slot in pool if slot.state is not State.GONE)


def serve_from(pool: Iterable[S], version: str) -> S | None:
    """The idle environment to use: one that is ready first, the most recently used one first.

    Most recent first lets the others grow old and go when load falls.
    """
    idle = [s for s in pool if s.version == version and s.idle and not s.stale]
    return max(idle, key=lambda slot: (_PREFERRED.index(slot.state), slot.since), default=None)


def serving_soon(pool: Iterable[Server], now: float, within: float) -> int:
    """How many have answered less than `within` seconds ago: they will hardly work on."""
    answered = [one for one in pool if one.state is State.SETTLING and not one.stale]
    return sum(now - one.since < within for one in answered)


def to_freeze(pool: Sequence[Slot], now: float, after: float) -> list[Slot]:
    """Those that have been ready for `after` seconds."""
    return [s for s in pool if s.state is State.READY and s.idle and now - s.since >= after]


def to_retire(pool: Sequence[Slot], now: float, after: float, keep_warm: int = 0) -> list[Slot]:
    """Idle ones that have expired, but for the `keep_warm` youngest of each version; those that no
    new invocation may use; and those that have answered and then worked on for the whole time limit
    of their function."""
    idle = sorted((s for s in pool if s.idle and not s.stale), key=lambda s: -s.since)
    warm: Counter[str] = Counter()
    expired = []
    for slot in idle:
        warm[slot.version] += 1
        if warm[slot.version] > keep_warm and now - slot.since >= after:
            expired.append(slot)
    stale = [s for s in pool if s.idle and s.stale]
    lost = [s for s in pool if s.state is State.SETTLING and now - s.since >= s.time_limit]
    return [*expired, *stale, *lost]
