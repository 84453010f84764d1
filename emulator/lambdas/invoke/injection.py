"""Injection: what an invocation runs in when a fault takes the place of its function.

A fault that keeps the function from running needs no container, but goes the way of a real one: an
environment whose container only pretends runs through the same states, so that outcome, log lines
and REPORT come from the code that makes them of real ends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from functools import cached_property

from taskdock.base import ids
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.limits import Limits
from taskdock.engines.ending import ProgramExit
from taskdock.engines.engine import Program
from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.environment.mailbox import NextEvent
from taskdock.lambdas.environment.no_container import NoContainer
from taskdock.lambdas.functions import runtimes
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.invoke.faults import RUNS, Fault, FaultType
from taskdock.lambdas.invoke.runtime_errors import PostedError, runtime_error
from taskdock.lambdas.lifecycle import Transition
from taskdock.lambdas.outcome import Failure, throttled
from taskdock.lambdas.pool.pool import Pool

_EXITED = ProgramExit(code=1)
_KILLED = ProgramExit(signal=9)
_OUT_OF_MEMORY = ProgramExit(signal=9, out_of_memory=True)

LastImage = Callable[[Function], str]
"""The reference of the image that a function ran in last; "": it is not known."""


class Injection:
    """On the reactor's thread."""

    def __init__(self, *, pool: Pool, clock: Clock, limits: Limits, image_of: LastImage) -> None:
        self._pool = pool
        self._clock = clock
        self._limits = limits
        self._image_of = image_of

    @asynccontextmanager
    async def lease(
        self, fault: Fault, function: Function, patience: float
    ) -> AsyncIterator[Environment | Failure]:
        """As `Pool.lease`, for an invocation with this fault. An environment in which nothing runs
        is busy, as a warm one, or down, where its init has failed."""
        if fault.kind is FaultType.THROTTLE:
            yield throttled()
        elif fault.kind is FaultType.NO_CAPACITY:
            yield self._pool.too_late(function, patience)
        elif fault.kind in RUNS:
            called = _apart(function) if fault.kind is FaultType.COLD_START else function
            async with self._pool.lease(called, patience) as leased:
                yield leased
        else:
            yield self._pretended(fault, function)

    def _pretended(self, fault: Fault, function: Function) -> Environment:
        environment = Environment(
            id=ids.word(32),
            function=function,
            loop=self._pool.reactor.loop,
            clock=self._clock,
            limits=self._limits,
            moved=lambda *_: None,
            lead=lambda *_: None,
        )
        environment.image = self._image_of(function) or _image_of_aws(function)
        environment.reserve()
        if fault.kind is not FaultType.INIT_ERROR:
            environment.reserve()  # its second lease: it is warm
        environment.made(_PretendedContainer(environment, fault, self._clock))
        environment.start_runtime()
        environment.move(Transition.LEASED)
        return environment


def _image_of_aws(function: Function) -> str:
    return function.image or (runtimes.find(function.runtime).image if function.runtime else "")


def _apart(function: Function) -> Function:
    """The same function, which no environment serves that there is already; the one that is started
    for it serves nothing else."""
    return _Apart(**{each.name: getattr(function, each.name) for each in fields(Function)})


@dataclass(frozen=True, kw_only=True)
class _Apart(Function):
    @cached_property
    def fingerprint(self) -> str:
        return ids.word()


class _PretendedContainer(NoContainer):
    """A container whose runtime does at once what the fault says."""

    def __init__(self, environment: Environment, fault: Fault, clock: Clock) -> None:
        self._environment = environment
        self._fault = fault
        self._clock = clock

    def run(self, program: Program) -> None:
        if self._fault.kind is FaultType.INIT_ERROR:
            self._fail_init()
        else:
            self._environment.runtime.mailbox.next(self._take)

    def stop(self) -> None:
        self._environment.exited(_KILLED)

    def flush(self) -> None:
        self._environment.flushed(0)

    def _take(self, event: NextEvent | None) -> None:
        if event is None:
            return
        if self._fault.kind is FaultType.CRASH:
            self._environment.exited(_EXITED)
        elif self._fault.kind is FaultType.OUT_OF_MEMORY:
            self._environment.exited(_OUT_OF_MEMORY)
        elif self._fault.kind is FaultType.ERROR:
            error = self._error(event.request_id)
            mailbox = self._environment.runtime.mailbox
            mailbox.fail(event.request_id, None, error.body)
            mailbox.next(self._take)

    def _fail_init(self) -> None:
        if self._fault.name is not None:
            error = self._error(None)
            self._environment.runtime.mailbox.fail_init(None, error.body)
        self._environment.exited(_EXITED)

    def _error(self, request_id: str | None) -> PostedError:
        """The error of the fault, whose lines are printed."""
        error = runtime_error(
            self._environment.function,
            self._fault.name or "",
            self._fault.message or "",
            request_id=request_id,
            now=self._clock.now(),
        )
        for line in error.lines:
            self._environment.output(line.encode(errors="replace"))
        return error
