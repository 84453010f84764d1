"""The room for environments: who has it, who gets it next, and who gives way. Pure.

Memory is held from the moment that a container is about to be made until it has been removed. So
what all containers hold together never exceeds the budget.

Calls that wait are served in the order in which they came, with one exception. The oldest call for
which there is no room has a reservation: the moment at which so many running calls must have ended,
by their time limits, that the oldest call fits. Another call may be served before the oldest one if
its own time limit ends by then too, or if it fits beside the oldest one. So nobody starves, and no
room lies idle while a large function waits for a long run.

Batch schedulers call this EASY backfilling: Mu'alem and Feitelson, "Utilization, Predictability,
Workloads, and User Runtime Estimates in Scheduling the IBM SP2 with Backfilling", IEEE Transactions
on Parallel and Distributed Systems 12(6), 2001.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.lifecycle import State
from taskdock.lambdas.outcome import Failure, not_started
from taskdock.lambdas.slot import Slot, held

_START = 10.0  # seconds that a start may take beside the time limit: as long as an init


@dataclass(frozen=True)
class MemorySize:
    memory: int  # MB
    count: int = 1  # environments

    def plus(self, other: MemorySize) -> MemorySize:
        return MemorySize(self.memory + other.memory, self.count + other.count)

    def minus(self, other: MemorySize) -> MemorySize:
        return MemorySize(self.memory - other.memory, self.count - other.count)

    def within(self, other: MemorySize) -> bool:
        return self.memory <= other.memory and self.count <= other.count


_NOTHING = MemorySize(0, 0)


@dataclass
class _Reservation:
    """The reservation of the oldest call for which there is no room."""

    at: float
    """The latest time at which the call fits, monotonic, if all keep to their time limits."""
    spare: MemorySize
    """Free room beside that call then."""


@dataclass(frozen=True)
class Admission:
    """A call gets room: at once, or as soon as what is evicted for it has been removed."""

    at_once: bool
    evicted: tuple[Slot, ...] = ()


class Room:
    """The room at one moment. Room that is given to one call is not there for the next, so calls
    have to ask in the order in which they came."""

    def __init__(
        self,
        slots: Iterable[Slot],
        *,
        budget: int,
        max_environments: int,
        now: float,
        stuck: float,
    ) -> None:
        """`slots`: every container that is there, or is being made or removed. `budget`: MB for all
        of them together; `max_environments`: how many they may be. `now`: monotonic. `stuck`:
        seconds after which a removal that is under way is not counted on.

        A container that is larger than the whole budget counts as all of it, so it runs alone.
        """
        self._budget = budget
        self._now = now
        self._stuck = stuck
        self._free = MemorySize(
            budget, max_environments
        )  # below nothing where the budget was less when they came
        self._coming = _NOTHING  # is being removed
        self._promised = _NOTHING  # of what is free or coming, to those who wait for a removal
        self._idle: dict[str, Slot] = {}
        self._working: list[tuple[float, MemorySize]] = []
        """Until when at the latest, and how much."""
        self._reservation: _Reservation | None = None
        for slot in slots:
            self._count(slot)
        self._idle = dict(sorted(self._idle.items(), key=lambda item: item[1].since))

    def _count(self, slot: Slot) -> None:
        if not held([slot]):
            return
        size = self._size(slot.memory)
        self._free = self._free.minus(size)
        if slot.idle:
            self._idle[slot.id] = slot
        elif slot.state is State.RETIRING:
            if self._now - slot.since < self._stuck:
                self._coming = self._coming.plus(size)
            else:
                self._working.append((self._now, size))
        else:
            self._working.append((slot.since + slot.time_limit, size))

    def _size(self, megabytes: int) -> MemorySize:
        return MemorySize(min(megabytes, self._budget))

    def use(self, slot: Slot, time_limit: float) -> bool:
        """Whether this environment, idle or almost made, may serve a call of so many seconds at
        most. Where it may, it counts as working from now on."""
        size = self._size(slot.memory)
        if not self._passes(size, time_limit):
            return False
        self._idle.pop(slot.id, None)
        self._spend(size, time_limit)
        return True

    def has(self, megabytes: int) -> bool:
        """Whether there is room for one more of this size, without anything giving way."""
        return self._size(megabytes).within(self._free.minus(self._promised))

    def admit(self, megabytes: int, time_limit: float) -> Admission | None:
        """Room for a new environment, whose call takes so many seconds at most.

        The longest idle give way where need be, and no more of them than need be; what is being
        removed already is counted on first. None: there is no room as long as all that works does.
        """
        size, time_limit = self._size(megabytes), time_limit + _START
        if not self._passes(size, time_limit):
            return None
        if size.within(self._free.minus(self._promised)):
            self._free = self._free.minus(size)
            self._spend(size, time_limit)
            return Admission(at_once=True)
        evicted = self._to_evict(size)
        if evicted is None:
            self._reserve(size)
            return None
        for slot in evicted:
            del self._idle[slot.id]
            self._coming = self._coming.plus(self._size(slot.memory))
        self._promised = self._promised.plus(size)
        self._spend(size, time_limit)
        return Admission(at_once=False, evicted=tuple(evicted))

    @property
    def _expected(self) -> MemorySize:
        """The free room for calls without a promise, once all removals are over."""
        return self._free.plus(self._coming).minus(self._promised)

    def _to_evict(self, size: MemorySize) -> list[Slot] | None:
        expected, chosen = self._expected, []
        for slot in self._idle.values():
            if size.within(expected):
                break
            chosen.append(slot)
            expected = expected.plus(self._size(slot.memory))
        return chosen if size.within(expected) else None

    def _reserve(self, size: MemorySize) -> None:
        """Makes the reservation: for the first call that asks in vain, and for no other."""
        if self._reservation is not None:
            return
        expected, at = self._expected, self._now
        for slot in self._idle.values():
            expected = expected.plus(self._size(slot.memory))
        for end, working in sorted(self._working, key=lambda each: each[0]):
            if size.within(expected):
                break
            expected, at = expected.plus(working), max(at, end)
        self._reservation = _Reservation(at, expected.minus(size))

    def _passes(self, size: MemorySize, time_limit: float) -> bool:
        """Whether the call with the reservation is not delayed by this one."""
        reserved = self._reservation
        return (
            reserved is None or self._now + time_limit <= reserved.at or size.within(reserved.spare)
        )

    def _spend(self, size: MemorySize, time_limit: float) -> None:
        reserved = self._reservation
        if reserved is not None and self._now + time_limit > reserved.at:
            reserved.spare = reserved.spare.minus(size)


def too_large(function: Function, budget: int) -> Failure:
    """The failure of a call for which there will never be room."""
    return not_started(
        "NoCapacity",
        f"the function '{function.name}' has a memory limit of {function.memory_limit} MB, which is"
        f" more than all functions together may hold, {budget} MB: start the server with a larger"
        " --memory-budget, or lower the function's limit",
    )


def too_late(function: Function, patience: float, held: int, budget: int) -> Failure:
    """There was no room for it in so many seconds."""
    return not_started(
        "NoCapacity",
        f"memory had no room for it within {patience:.0f} s: it needs {function.memory_limit} MB,"
        f" and other functions hold {held} of {budget} MB; call fewer at a time, or start the"
        " server with a larger --memory-budget",
    )
