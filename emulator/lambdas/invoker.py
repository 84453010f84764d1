"""invoke: one event, one environment, one outcome. The deadline kills, the exit explains."""

from __future__ import annotations

import math
from concurrent.futures import TimeoutError as NoReply
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from emulator import ids
from emulator.clock import Clock, to_epoch
from emulator.functions.function import Function
from emulator.lambdas import launch
from emulator.lambdas.environment import Environment
from emulator.lambdas.lifecycle import State
from emulator.lambdas.logs import InvocationLog, Sink, Usage
from emulator.lambdas.mailbox import Delivery
from emulator.lambdas.outcome import (
    Cause,
    ContainerEnd,
    Failure,
    Outcome,
    ended,
    no_bootstrap,
    not_started,
    stopped,
    timed_out,
)
from emulator.lambdas.pool import Pool

MAX_EVENT = 6 * 1024 * 1024  # bytes
_SETTLE_LIMIT = 2.0  # seconds that an outcome waits for a runtime that has answered to ask again
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a caller says beside the event; the runtime is told all of it."""

    request_id: str = field(default_factory=ids.request_id)
    client_context: str | None = None  # JSON text
    arn: str | None = None  # as the caller named the function; None: without a qualifier
    trace_id: str = field(default_factory=ids.trace_id)


class Invoker:
    def __init__(self, *, pool: Pool, clock: Clock, region: str = launch.REGION) -> None:
        self._pool = pool
        self._region = region
        self._clock = clock

    def invoke(
        self,
        function: Function,
        event: bytes,
        sink: Sink,
        *,
        patience: float,
        max_event: int = MAX_EVENT,
        call: Call | None = None,
    ) -> Outcome:
        """Runs `event` (JSON text) and returns what became of it; log lines go to `sink`.

        When it returns, every line of this invocation has been written, REPORT last. The function's
        time limit begins when the event is delivered; before that, `patience` (seconds) limits the
        wait for room in memory.
        """
        if len(event) > max_event:
            return not_started(
                "RequestEntityTooLargeException",
                f"Request must be smaller than {max_event} bytes for the InvokeFunction operation",
            )
        call = call or Call()
        with self._pool.lease(function, patience) as leased:
            if isinstance(leased, Failure):
                return leased
            return self._run(leased, event, call, sink)

    def _run(self, environment: Environment, event: bytes, call: Call, sink: Sink) -> Outcome:
        begun = self._clock.monotonic()
        deadline = self._clock.now() + timedelta(seconds=environment.function.time_limit)
        log = InvocationLog(call.request_id, environment.function, sink, self._clock, self._region)
        cold = self._open_log(environment, log)
        ready = environment.state is State.BUSY
        init = environment.init_milliseconds if cold and ready else None
        if ready or self._init_again(environment, call, log):
            log.start()
            left = environment.function.time_limit - (self._clock.monotonic() - begun)
            outcome = self._exchange(
                environment, self._delivery(environment, event, call, deadline), left
            )
            duration = (self._clock.monotonic() - begun) * 1000
            if outcome is None:  # no answer in time
                self._pool.end(environment)
            if outcome is None or isinstance(outcome, ContainerEnd):
                outcome = _why(environment, call.request_id)
            else:
                environment.settle(_SETTLE_LIMIT)
        else:
            duration = (self._clock.monotonic() - begun) * 1000
            outcome = _why(environment, call.request_id)
            if environment.state is State.DOWN:
                log.init_report(environment.age_milliseconds, outcome, "invoke")
            log.start()
        if isinstance(outcome, Failure) and outcome.cause is Cause.TIMEOUT:
            duration = environment.function.time_limit * 1000
        log.explain(outcome)
        log.end(outcome, _usage(environment, duration, init))
        return outcome

    def _open_log(self, environment: Environment, log: InvocationLog) -> bool:
        """Writes what came before the invocation; true where the environment was made for it."""
        cold = environment.turn == 1
        if cold:
            log.init_start(environment.begun, environment.image, environment.id)
        log.lines(environment.record(log.line))
        return cold

    def _init_again(self, environment: Environment, call: Call, log: InvocationLog) -> bool:
        """A runtime that is down has its init within the invocation, and in its time."""
        if environment.turn == 1 and environment.init_milliseconds is None:
            log.init_report(
                environment.age_milliseconds, _why(environment, call.request_id), "init"
            )
        return self._pool.restart(environment, environment.function.time_limit)

    def _delivery(
        self, environment: Environment, event: bytes, call: Call, deadline: datetime
    ) -> Delivery:
        return Delivery(
            request_id=call.request_id,
            event=event,
            deadline_ms=to_epoch(deadline),
            function_arn=call.arn or launch.function_arn(environment.function.name, self._region),
            client_context=call.client_context,
            trace_id=call.trace_id,
        )

    def _exchange(
        self, environment: Environment, delivery: Delivery, limit: float
    ) -> Outcome | ContainerEnd | None:
        """What came back from the runtime within `limit` seconds; None: nothing."""
        mailbox = environment.mailbox
        reply = mailbox.offer(delivery)
        try:
            return reply.result(max(limit, 0))
        except NoReply:
            mailbox.withdraw()
            return reply.result() if reply.done() else None


def _why(environment: Environment, request_id: str) -> Failure:
    """Why a runtime has ended without an answer."""
    if environment.retired:
        return stopped()
    if environment.overdue:
        return timed_out(request_id, environment.function.time_limit)
    end = environment.end or ContainerEnd(None)
    custom = environment.function.runtime is not None  # an image's entry point has codes of its own
    if custom and environment.init_milliseconds is None and end.code == launch.NO_BOOTSTRAP:
        return no_bootstrap(request_id)
    return environment.init_failure or ended(request_id, end)


def _usage(environment: Environment, duration: float, init: float | None) -> Usage:
    return Usage(
        duration=duration,
        memory_limit=environment.function.memory_limit,
        max_memory=math.ceil(environment.peak / _MEGABYTE),
        init=init,
    )
