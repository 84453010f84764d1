"""An environment as plain values, for decisions about it and for reports. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import NamedTuple, Protocol

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


class AskedCall(Protocol):
    """A call, as its environment knows it."""

    @property
    def request_id(self) -> str: ...
    @property
    def task_id(self) -> str | None: ...
    @property
    def kind(self) -> str: ...


ASKED: ContextVar[AskedCall | None] = ContextVar("asked", default=None)
"""The call that this coroutine has an environment leased for. So an environment that is started can
say what for, and a lease need not hand the call through all who make one."""


class PresentCall(NamedTuple):
    """The call that an environment has now."""

    request_id: str
    kind: str
    task_id: str | None
    begun: float | None = None
    """When its time limit began, monotonic; None: the environment is started for it."""
    cold: bool = False


class PastCall(NamedTuple):
    """The call that an environment has had last."""

    call: PresentCall
    ended: float  # monotonic
    milliseconds: float
    error: str | None
    """The name of its error, such as `TimedOut`."""


class Calls:
    """The calls of one environment, for reports: changed on the reactor's thread, read by any."""

    def __init__(self) -> None:
        self.served = 0
        self.present: PresentCall | None = None
        self.past: PastCall | None = None

    def expect(self, call: AskedCall | None) -> None:
        """The environment is started for this call."""
        if call is not None:
            self.present = PresentCall(call.request_id, call.kind, call.task_id)

    def begin(self, call: AskedCall, now: float, *, cold: bool) -> PresentCall:
        self.present = PresentCall(call.request_id, call.kind, call.task_id, now, cold)
        return self.present

    def end(
        self, call: PresentCall, now: float, milliseconds: float, error: str | None
    ) -> PastCall:
        """The next call may have begun already: its log is complete later than its answer."""
        self.served += 1
        self.past = PastCall(call, now, milliseconds, error)
        self.leave(call)
        return self.past

    def leave(self, call: PresentCall | None) -> None:
        if self.present is call:
            self.present = None


@dataclass(frozen=True, kw_only=True)
class EnvironmentReport:
    """An environment as reports show it: its slot, and what it does and has done."""

    slot: Slot
    runtime: str
    """The id of its runtime; the image of a function that has none."""
    peak: int
    """Bytes of memory that were used at most, as far as that is known; 0: not at all."""
    served: int
    present: PresentCall | None
    past: PastCall | None


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
