"""An environment as plain values, for decisions about it and for reports. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from taskdock.lambdas.lifecycle import State

PREFERRED = (State.DOWN, State.FROZEN, State.READY)
"""The slots that can take an invocation, the best last."""


def is_idle(state: State, reserved: bool) -> bool:
    return state in PREFERRED and not reserved


@dataclass(frozen=True, kw_only=True)
class Slot:
    """An environment at one moment. `since`: when it last moved, monotonic."""

    id: str
    fingerprint: str
    state: State
    memory: int  # MB
    since: float
    time_limit: float = 300.0  # seconds, of its function
    stale: bool = False  # its function has changed or gone
    reserved: bool = False  # for a lease that it has not answered in
    function: str = ""  # its name, for reports

    @property
    def idle(self) -> bool:
        return is_idle(self.state, self.reserved)


@dataclass(frozen=True, kw_only=True)
class PrewarmLevel:
    """The prewarmed containers of one shape: how many there are, and how many are wanted."""

    runtime: str
    memory: int  # MB
    count: int
    wanted: int


def held(pool: Iterable[Slot]) -> int:
    """MB that all of them hold together, what is being removed too: until it is gone."""
    return sum(slot.memory for slot in pool if slot.state is not State.GONE)
