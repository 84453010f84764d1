"""The fleet: all environments that there are, found by id and by fingerprint."""

from __future__ import annotations

from taskdock.base.timing.clock import Clock
from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.lifecycle import State, Transition
from taskdock.lambdas.pool import placement
from taskdock.lambdas.slot import EnvironmentReport, Slot

_FOR_EVER = float("inf")


class Fleet:
    """On the reactor's thread, but for `values`, `snapshot` and `report`."""

    def __init__(self, *, clock: Clock, keep_warm: int) -> None:
        """`keep_warm`: how many of each fingerprint never expire."""
        self._clock = clock
        self._keep_warm = keep_warm
        self._all: dict[str, Environment] = {}
        self._of: dict[str, list[Environment]] = {}  # by fingerprint

    def __len__(self) -> int:
        return len(self._all)

    def __contains__(self, id: str) -> bool:
        return id in self._all

    def get(self, id: str) -> Environment | None:
        return self._all.get(id)

    def values(self) -> list[Environment]:
        return list(self._all.values())

    def snapshot(self) -> list[Slot]:
        return [environment.slot for environment in self.values()]

    def report(self) -> list[EnvironmentReport]:
        """The environments with what they do, the oldest first."""
        return [_report(environment) for environment in self.values()]

    def add(self, environment: Environment) -> None:
        self._all[environment.id] = environment
        self._of.setdefault(environment.fingerprint, []).append(environment)

    def forget(self, environment: Environment) -> None:
        del self._all[environment.id]
        same = self._of[environment.fingerprint]
        same.remove(environment)
        if not same:
            del self._of[environment.fingerprint]

    def idle(self, fingerprint: str) -> Environment | None:
        """The environment that serves the next call of this fingerprint; None: none is idle."""
        return placement.serve_from(self._of.get(fingerprint, []), fingerprint)

    def serving_soon(self, fingerprint: str, within: float) -> int:
        same = self._of.get(fingerprint, [])
        return placement.serving_soon(same, self._clock.monotonic(), within)

    def retire(self, id: str) -> None:
        self._all[id].move(Transition.RETIRED)

    def retire_all(self) -> None:
        for environment in self.values():
            environment.move(Transition.RETIRED)

    def retire_busy(self) -> None:
        """Retires those that a call has, for a reset."""
        for environment in self.values():
            slot = environment.slot
            leased = slot.reserved and not environment.kept
            if leased or slot.state in (State.BUSY, State.SETTLING):
                environment.reset = True
                environment.move(Transition.RETIRED)

    def retire_idle(self, after: float) -> None:
        """Retires stale ones, and those that have idled for `after` seconds but for `keep_warm`."""
        now = self._clock.monotonic()
        for slot in placement.to_retire(self.snapshot(), now, after, self._keep_warm):
            self.retire(slot.id)

    def retire_stale(self) -> None:
        self.retire_idle(_FOR_EVER)

    def retire_others(self, name: str, fingerprints: frozenset[str]) -> None:
        """Environments of this function with another fingerprint serve no call any more."""
        for environment in self.values():
            if environment.function.name == name and environment.fingerprint not in fingerprints:
                environment.stale = True
        self.retire_stale()

    def freeze_idle(self, after: float) -> None:
        for slot in placement.to_freeze(self.snapshot(), self._clock.monotonic(), after):
            self._all[slot.id].freeze()


def _report(environment: Environment) -> EnvironmentReport:
    function, calls = environment.function, environment.calls
    return EnvironmentReport(
        slot=environment.slot,
        runtime=function.runtime or function.image or "",
        peak=environment.peak,
        served=calls.served,
        present=calls.present,
        past=calls.past,
    )
