"""The faults that wait for invocations, and the choice of the one that an invocation gets."""

from __future__ import annotations

import difflib
import random
import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from taskdock.base import ids
from taskdock.base.errors import NotFound
from taskdock.base.strict_json import present
from taskdock.base.timing.clock import Clock
from taskdock.lambdas.invoke.faults import Fault, FaultType, Odds

_SHOWN = 10  # names of functions in a message


class InjectedFaultJson(TypedDict):
    id: str
    functionName: str
    fault: str
    name: str | None
    message: str | None
    seconds: float | None
    times: int | None
    probability: float | None
    seed: int | None
    used: int
    enabled: bool


@dataclass(frozen=True, kw_only=True)
class InjectedFault:
    """A fault that waits for invocations of a function, or was injected into one of them."""

    id: str
    function_name: str
    fault: Fault
    odds: Odds
    used: int = 0
    """The number of invocations that have got the fault."""
    enabled: bool = True
    """False: no invocation gets it until it is switched on again."""

    @property
    def kind(self) -> FaultType:
        return self.fault.kind

    @property
    def used_up(self) -> bool:
        return self.odds.times is not None and self.used >= self.odds.times

    @property
    def waits(self) -> bool:
        """Whether another invocation may get it."""
        return self.enabled and not self.used_up

    def __str__(self) -> str:
        of = "" if self.odds.times is None else f" of {self.odds.times}"
        return f"{self.fault} ({self.id}, use {self.used}{of})"

    def to_json(self) -> InjectedFaultJson:
        """Without the fields that this fault does not have."""
        shown: InjectedFaultJson = {
            "id": self.id,
            "functionName": self.function_name,
            "fault": self.fault.kind.value,
            "name": self.fault.name,
            "message": self.fault.message,
            "seconds": self.fault.seconds,
            "times": self.odds.times,
            "probability": self.odds.probability,
            "seed": self.odds.seed,
            "used": self.used,
            "enabled": self.enabled,
        }
        return present(shown)


class FaultList:
    """For any thread.

    Of several faults for a function, an invocation gets the oldest that still applies: one that is
    switched on, not used up, and whose probability comes true. A fault that is used up stays in the
    list, so that a test can read how often it was used, until it is removed.
    """

    def __init__(self, clock: Clock, *, functions: Collection[str] = ()) -> None:
        """`functions`: the names of all that there are; they may change at any time."""
        self._clock = clock
        self._functions = functions
        self._lock = threading.Lock()
        self._faults: dict[str, InjectedFault] = {}  # by id, the oldest first
        self._random: dict[str, random.Random] = {}  # by id
        self.armed = False
        """Whether any fault waits: all that an invocation asks where none does."""

    def add(self, function_name: str, fault: Fault, odds: Odds = Odds()) -> InjectedFault:  # noqa: B008 - frozen
        """The fault waits for the next invocations from now on. Raises `NotFound` for an unknown
        function."""
        self._check(function_name)
        if odds.probability is not None and odds.seed is None:
            odds = replace(odds, seed=int(ids.word(8), 16))
        id = ids.object_id(self._clock.now())
        added = InjectedFault(id=id, function_name=function_name, fault=fault, odds=odds)
        with self._lock:
            self._faults[id] = added
            self._random[id] = random.Random(odds.seed)  # noqa: S311 - no secret
            self._look()
        return added

    def all(self) -> list[InjectedFault]:
        """The oldest first, with how often each was used."""
        with self._lock:
            return list(self._faults.values())

    def switch(self, id: str, *, enabled: bool) -> InjectedFault:
        """Has a fault wait for invocations, or wait no more; its uses stay counted. Raises
        `NotFound`."""
        with self._lock:
            switched = self._faults[id] = replace(self._known(id), enabled=enabled)
            self._look()
        return switched

    def remove(self, id: str) -> None:
        """Raises `NotFound`."""
        with self._lock:
            self._known(id)
            del self._faults[id], self._random[id]
            self._look()

    def clear(self) -> int:
        """Removes all; returns how many there were."""
        with self._lock:
            count = len(self._faults)
            self._faults.clear()
            self._random.clear()
            self._look()
        return count

    def take(self, function_name: str) -> InjectedFault | None:
        """The fault of an invocation that begins now, which counts as used by it."""
        with self._lock:
            for waiting in self._faults.values():
                if waiting.function_name == function_name and self._applies(waiting):
                    taken = replace(waiting, used=waiting.used + 1)
                    self._faults[waiting.id] = taken
                    self._look()
                    return taken
        return None

    def _check(self, name: str) -> None:
        if name in self._functions:
            return
        known = sorted(self._functions)
        close = difflib.get_close_matches(name[:64], known)
        advice = "none is deployed yet; deploy one with: taskdock deploy PATH"
        if known:
            advice = (
                f"did you mean {' or '.join(close)}?" if close else f"there is {_listed(known)}"
            )
        raise NotFound(f"there is no function '{name[:64]}'; {advice}")

    def _known(self, id: str) -> InjectedFault:
        if id not in self._faults:
            raise NotFound(
                f"there is no fault {id[:40]}; taskdock faults list shows those there are"
            )
        return self._faults[id]

    def _applies(self, waiting: InjectedFault) -> bool:
        if not waiting.waits:
            return False
        probability = waiting.odds.probability
        return probability is None or self._random[waiting.id].random() < probability

    def _look(self) -> None:
        self.armed = any(waiting.waits for waiting in self._faults.values())


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
