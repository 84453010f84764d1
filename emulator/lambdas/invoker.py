"""invoke: one event, one environment, one outcome. The deadline kills, the exit explains."""

from __future__ import annotations

import math
from concurrent.futures import TimeoutError as NoReply
from dataclasses import dataclass, field
from datetime import timedelta

from emulator import ids
from emulator.clock import Clock, to_epoch
from emulator.functions.function import Function
from emulator.lambdas import launch
from emulator.lambdas.environment import Environment
from emulator.lambdas.lifecycle import Move, State
from emulator.lambdas.logs import InvocationLog, Sink, Usage
from emulator.lambdas.mailbox import Delivery
from emulator.lambdas.outcome import (
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
_DRAIN_LIMIT = 0.5  # seconds that the last lines get to arrive before a kill
_SETTLE_LIMIT = 2.0  # seconds that an outcome waits for a runtime that has answered to ask again
_KILL_LIMIT = 10.0  # seconds that an engine gets to end a container
_MEGABYTE = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Call:
    """What a caller says beside the event; the runtime is told all of it."""

    request_id: str = field(default_factory=ids.request_id)
    client_context: str | None = None  # JSON text
    arn: str | None = None  # as the caller named the function; None: without a qualifier


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
        log = InvocationLog(call.request_id, sink, self._clock)
        with self._pool.lease(function, patience) as leased:
            if isinstance(leased, Failure):
                return leased
            if leased.state is State.BUSY:
                return self._run(leased, event, call, log)
            return self._explain_init(leased, call.request_id, log)

    def _run(
        self, environment: Environment, event: bytes, call: Call, log: InvocationLog
    ) -> Outcome:
        cold = environment.turn == 1
        log.lines(environment.record(log.line))
        log.start()
        limit = environment.function.time_limit
        started = self._clock.monotonic()
        outcome = self._exchange(environment, self._delivery(environment, event, call))
        duration = (self._clock.monotonic() - started) * 1000
        if outcome is None:  # no answer in time
            duration = limit * 1000
            environment.drain(_DRAIN_LIMIT)
            self._pool.overdue(environment)
            environment.await_end(_KILL_LIMIT)
            outcome = timed_out(call.request_id, limit)
        elif isinstance(outcome, ContainerEnd):
            outcome = _why(environment, call.request_id)
        else:
            environment.settle(_SETTLE_LIMIT)
        init = environment.init_milliseconds if cold else None
        log.explain(outcome)
        log.end(outcome, _usage(environment, duration, init))
        return outcome

    def _delivery(self, environment: Environment, event: bytes, call: Call) -> Delivery:
        function = environment.function
        deadline = self._clock.now() + timedelta(seconds=function.time_limit)
        return Delivery(
            request_id=call.request_id,
            event=event,
            deadline_ms=to_epoch(deadline),
            function_arn=call.arn or launch.function_arn(function.name, self._region),
            client_context=call.client_context,
            trace_id=f"Root=1-{to_epoch(deadline) // 1000:08x}-{ids.word(24)};Parent={ids.word()}"
            ";Sampled=0",
        )

    def _exchange(
        self, environment: Environment, delivery: Delivery
    ) -> Outcome | ContainerEnd | None:
        """What came back from the runtime within its time limit; None: nothing."""
        reply = environment.mailbox.offer(delivery)
        try:
            return reply.result(environment.function.time_limit)
        except NoReply:
            environment.mailbox.withdraw()
            return reply.result() if reply.done() else None

    def _explain_init(
        self, environment: Environment, request_id: str, log: InvocationLog
    ) -> Outcome:
        environment.await_end(_KILL_LIMIT)
        failure = _why(environment, request_id)
        duration = environment.age_milliseconds
        log.lines(environment.record(log.line))
        log.init_failed(duration, failure)
        log.start()
        log.explain(failure)
        log.end(failure, _usage(environment, duration, None))
        return failure


def _why(environment: Environment, request_id: str) -> Failure:
    """Why an environment ended without an answer."""
    if environment.ended_by is Move.RETIRED:
        return stopped()
    if environment.ended_by is Move.OVERDUE:
        return timed_out(request_id, environment.function.time_limit)
    end = environment.end or ContainerEnd(None)
    custom = environment.function.runtime is not None  # an image's entry point has codes of its own
    if custom and environment.init_milliseconds is None and end.code == launch.NO_BOOTSTRAP:
        return no_bootstrap(request_id)
    return environment.mailbox.init_failure or ended(request_id, end)


def _usage(environment: Environment, duration: float, init: float | None) -> Usage:
    return Usage(
        duration=duration,
        memory_limit=environment.function.memory_limit,
        max_memory=math.ceil(environment.peak / _MEGABYTE),
        init=init,
    )
