"""The plan of prewarming: which container comes next, and when; learned from what starts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from taskdock.base.timing.clock import Clock
from taskdock.base.timing.limits import Limits
from taskdock.lambdas.functions.function import Function

MAX_LEARNED = 8
"""Containers that are prewarmed of one shape because so many were once started at a time."""


class RuntimeShape(NamedTuple):
    """The properties of a container that are fixed before its function is known."""

    runtime: str
    memory: int  # MB


@dataclass
class Demand:
    """The demand for containers of one shape."""

    function: Function
    """The function that last needed a container: all functions of a shape have the same image."""
    at: float
    """The time of that need, monotonic."""
    starting: int = 0
    peak: int = 0
    """The largest number of containers that were started side by side."""

    def wanted(self, per_shape: int) -> int:
        """The number of containers to keep. `per_shape`: the minimum for every shape in use; 0: no
        prewarming."""
        return max(per_shape, min(self.peak, MAX_LEARNED)) if per_shape else 0


class PrewarmPlan:
    """On the reactor's thread, but for `wanted`."""

    def __init__(
        self,
        *,
        per_shape: int,
        can_prewarm: Callable[[Function], bool],
        clock: Clock,
        limits: Limits,
    ) -> None:
        """`per_shape`: how many to prewarm of every shape in use; 0: none."""
        self._per_shape = per_shape
        self._can_prewarm = can_prewarm
        self._clock = clock
        self._limits = limits
        self._demands: dict[RuntimeShape, Demand] = {}
        self._not_before = 0.0  # monotonic

    def __contains__(self, shape: RuntimeShape) -> bool:
        """Whether the shape is in use."""
        return shape in self._demands

    def shape(self, function: Function) -> RuntimeShape | None:
        """None: no container is prewarmed for this function."""
        if not self._per_shape or not self._can_prewarm(function):
            return None
        return RuntimeShape(function.runtime or "", function.memory_limit)

    def expect(self, function: Function) -> RuntimeShape | None:
        """The function is called, or will be: its shape is in use."""
        shape = self.shape(function)
        if shape is not None:
            now = self._clock.monotonic()
            demand = self._demands.setdefault(shape, Demand(function, now))
            demand.function, demand.at = function, now
        return shape

    def starts(self, function: Function) -> RuntimeShape | None:
        """An environment of this function starts; `started` follows."""
        shape = self.expect(function)
        if shape is not None:
            demand = self._demands[shape]
            demand.starting += 1
            demand.peak = max(demand.peak, demand.starting)
        return shape

    def started(self, function: Function) -> None:
        """Nothing is prewarmed for a moment: more may be about to start."""
        shape = self.shape(function)
        if shape is not None and shape in self._demands:
            self._demands[shape].starting -= 1
            calm = self._clock.monotonic() + self._limits.prewarm_calm
            self._not_before = max(self._not_before, calm)

    def back_off(self) -> None:
        """A container could not be prewarmed: the next one would hardly fare better for a while."""
        self._not_before = self._clock.monotonic() + self._limits.prewarm_retry

    @property
    def is_calm(self) -> bool:
        """Nothing starts, and nothing has just started or failed."""
        starting = any(demand.starting for demand in self._demands.values())
        return not (starting or self._clock.monotonic() < self._not_before)

    def next(self, count: Mapping[RuntimeShape, int]) -> Function | None:
        """A function of the shape of which more containers are wanted than the `count` that there
        are; of several shapes, of the one that was wanted last."""
        missing = [
            demand
            for shape, demand in self._demands.items()
            if count.get(shape, 0) < demand.wanted(self._per_shape)
        ]
        latest = max(missing, key=lambda demand: demand.at, default=None)
        return None if latest is None else latest.function

    def expire(self, after: float) -> list[RuntimeShape]:
        """Forgets the shapes that nobody has wanted for so many seconds, and returns them."""
        now = self._clock.monotonic()
        expired = [s for s, d in self._demands.items() if not d.starting and now - d.at >= after]
        for shape in expired:
            del self._demands[shape]
        return expired

    def wanted(self) -> dict[RuntimeShape, int]:
        """The number of containers to keep of each shape in use, sorted; for any thread."""
        return {s: d.wanted(self._per_shape) for s, d in sorted(self._demands.copy().items())}
