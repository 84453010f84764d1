"""One invocation in an environment leased for it: the deadline kills, the exit explains."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from taskdock.base import ids
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock, SystemClock, to_epoch
from taskdock.base.timing.limits import Limits
from taskdock.engines.ending import ProgramExit
from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.environment.mailbox import NextEvent
from taskdock.lambdas.environment.operations import Operations
from taskdock.lambdas.environment.provision.debugger import DebuggedFunction
from taskdock.lambdas.invoke.fault_list import InjectedFault
from taskdock.lambdas.invoke.faults import FaultType
from taskdock.lambdas.invoke.log_formats import Usage
from taskdock.lambdas.invoke.platform_log import InvocationLog
from taskdock.lambdas.invoke.run_record import RunKind, RunRecord
from taskdock.lambdas.lifecycle import State
from taskdock.lambdas.notices import InvocationBegan, InvocationEnded
from taskdock.lambdas.outcome import Cause, Failure, Outcome, ended, stopped, timed_out, vanished
from taskdock.lambdas.slot import PresentCall

_DEBUG_SESSION_ENDED = Failure(
    Cause.STOPPED, "DebugSessionEnded", "the debug session that this call was in has ended", b""
)

OnOutcome = Callable[[Outcome], object]


@dataclass(frozen=True, kw_only=True)
class Call:
    """The facts about a call that its runtime gets beside the event."""

    request_id: str = field(default_factory=ids.request_id)
    client_context: str | None = None  # JSON text
    arn: str | None = None  # as the caller named the function; None: without a qualifier
    trace_id: str = field(default_factory=ids.trace_id)
    kind: RunKind = RunKind.INVOCATION
    """The kind of whoever asks."""
    record: RunRecord | None = field(default=None, repr=False)
    """The record that the invoker has begun for it; callers leave it out."""
    task_id: str | None = None
    """The task that this is done for; its runtime gets it in the event alone."""
    api_request_id: str | None = None
    """The API request that this is done for."""
    fault: InjectedFault | None = None
    """The fault that the invoker has chosen for it; callers leave it out."""

    def with_record(self, record: RunRecord) -> Call:
        record.api_request_id = self.api_request_id
        return replace(self, record=record)

    def with_fault(self, fault: InjectedFault) -> Call:
        if self.record is not None:
            self.record.fault = fault
        return replace(self, fault=fault)

    @property
    def fault_kind(self) -> FaultType | None:
        return None if self.fault is None else self.fault.kind


class Invocation:
    """One event in one environment that was leased for it."""

    def __init__(
        self,
        *,
        environment: Environment,
        event: bytes,
        call: Call,
        arn: str,
        log: InvocationLog,
        operations: Operations,
        clock: Clock,
        limits: Limits,
        answered: OnOutcome,
        notices: Notices,
    ) -> None:
        self._environment = environment
        self._event = event
        self._call = call
        self._arn = arn
        self._log = log
        self._operations = operations
        self._clock = clock
        self._limits = limits
        self._answered = answered
        self._notices = notices
        self._limit = environment.function.time_limit  # seconds
        spent = self._limit if call.fault_kind is FaultType.TIMEOUT else 0
        self._deadline = SystemClock().now() + timedelta(seconds=self._limit - spent)
        self._begun = clock.monotonic() - spent
        self._handed_over = False
        self._vanished = False

    async def run(self) -> Outcome:
        cold = self._environment.turn == 1
        present = self._begin(cold)
        if cold:
            environment = self._environment
            self._log.init_start(environment.runtime.begun, environment.image, environment.id)
        self._log.lines(self._environment.record(self._log.line))
        ready = self._environment.state is State.BUSY
        init = self._environment.runtime.init_milliseconds if cold and ready else None
        if ready or await self._init_again(cold):
            self._log.start()
            answered = await self._exchange()
            duration = self._milliseconds
            outcome = await self._finish(answered)
        else:
            duration = self._milliseconds
            outcome = self._why()
            if self._environment.state is State.DOWN:
                self._log.init_report(self._environment.runtime.age_milliseconds, outcome, "invoke")
            self._log.start()
            self._answered(outcome)
        usage = self._usage(outcome, duration, init)
        self._log.explain(outcome)
        self._log.end(outcome, usage)
        if self._call.record is not None:
            self._call.record.used(
                usage,
                cold=cold,
                environment_id=self._environment.id,
                settled=max(self._milliseconds - duration, 0.0),
            )
        self._end(present, outcome, usage.duration)
        return outcome

    def _begin(self, cold: bool) -> PresentCall:
        environment, call = self._environment, self._call
        if self._notices.wants(InvocationBegan):
            began = InvocationBegan(
                environment=environment.id,
                function=environment.function.name,
                request=call.request_id,
                asked=call.kind.value,
                task=call.task_id,
            )
            self._notices.publish(began)
        return environment.calls.begin(call, self._begun, cold=cold)

    def _end(self, present: PresentCall, outcome: Outcome, milliseconds: float) -> None:
        environment, now = self._environment, self._clock.monotonic()
        error = outcome.name if isinstance(outcome, Failure) else None
        past = environment.calls.end(present, now, milliseconds, error)
        if self._notices.wants(InvocationEnded):
            where = {"environment": environment.id, "function": environment.function.name}
            self._notices.publish(InvocationEnded(**where, past=past))

    async def _init_again(self, cold: bool) -> bool:
        """A runtime that is down has its init within the invocation, and in its time."""
        if cold and self._environment.runtime.init_milliseconds is None:
            self._log.init_report(self._environment.runtime.age_milliseconds, self._why(), "init")
        gone = self._environment.state is not State.DOWN
        self._vanished = gone and not cold  # how it ended before says nothing of this call
        return await self._operations.restart(self._environment, self._limit)

    async def _exchange(self) -> Outcome | ProgramExit | None:
        """The outcome that the runtime posted in its time, or how it has ended; None: neither."""
        mailbox = self._environment.runtime.mailbox
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Outcome | ProgramExit | None] = loop.create_future()

        def replied(result: Outcome | ProgramExit | None) -> None:
            if not reply.done():
                reply.set_result(result)
                if isinstance(result, Outcome):
                    self._answered(result)

        seconds = max(self._limit - self._milliseconds / 1000, 0)
        if self._call.fault_kind is FaultType.DELAY:
            ended, seconds = await self._delay(seconds)
            if ended or not seconds:
                return ProgramExit() if ended else None
        limit = loop.call_later(seconds, mailbox.withdraw)
        mailbox.offer(
            NextEvent(
                request_id=self._call.request_id,
                event=self._event,
                deadline_ms=to_epoch(self._deadline),
                function_arn=self._arn,
                client_context=self._call.client_context,
                trace_id=self._call.trace_id,
                task_id=self._call.task_id,
            ),
            replied,
        )
        answered = await reply
        self._handed_over = mailbox.handed_over == self._call.request_id
        limit.cancel()
        return answered

    async def _delay(self, limit: float) -> tuple[bool, float]:
        """Waits as long as the fault says, of `limit` seconds. Whether the environment has ended
        meanwhile, and the seconds that are left. They are real, as a function's own time is."""
        fault = self._call.fault
        delay = min(limit, 0.0 if fault is None else fault.fault.seconds or 0.0)
        return await self._environment.left(State.BUSY, delay), limit - delay

    async def _finish(self, answered: Outcome | ProgramExit | None) -> Outcome:
        """Waits for the rest of the log. Where there is no outcome yet, finds out why."""
        if isinstance(answered, Outcome):
            await self._environment.settle(self._limits.settle)
            return answered
        if answered is None:
            await self._operations.end(self._environment)
        outcome = self._why()
        self._answered(outcome)
        return outcome

    def _why(self) -> Failure:
        """Why the runtime has ended without an answer, or was not started."""
        environment, request_id = self._environment, self._call.request_id
        if environment.runtime.overdue:  # whatever has become of the environment since
            return timed_out(request_id, self._limit)
        if environment.retired:
            if isinstance(environment.function, DebuggedFunction) and not environment.reset:
                return _DEBUG_SESSION_ENDED
            return stopped(by_reset=environment.reset)
        if environment.runtime.init_failure is not None:
            return environment.runtime.init_failure
        end = environment.runtime.end
        if end is None or not end.is_known or self._vanished:
            return vanished(self._handed_over)
        return ended(request_id, end)

    @property
    def _milliseconds(self) -> float:
        """Since the invocation began."""
        return (self._clock.monotonic() - self._begun) * 1000

    def _usage(self, outcome: Outcome, duration: float, init: float | None) -> Usage:
        timed_out = isinstance(outcome, Failure) and outcome.cause is Cause.TIMEOUT
        return Usage(
            duration=self._limit * 1000 if timed_out else duration,
            memory_limit=self._environment.function.memory_limit,
            max_memory=math.ceil(self._environment.peak / 2**20),
            init=init,
        )
