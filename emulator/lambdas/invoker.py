"""invoke: one event, one environment, one outcome. The deadline kills, the exit explains."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from emulator import ids
from emulator.clock import Clock, to_epoch
from emulator.engines.ending import ProgramExit
from emulator.functions.function import Function
from emulator.lambdas import launch
from emulator.lambdas.attendant import Attendant
from emulator.lambdas.environment import Environment
from emulator.lambdas.lifecycle import State
from emulator.lambdas.logs import InvocationLog, Sink, Usage
from emulator.lambdas.mailbox import Delivery
from emulator.lambdas.outcome import (
    Cause,
    Failure,
    Outcome,
    broken,
    ended,
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


Told = Callable[[Outcome], object]


class Invoker:
    def __init__(self, *, pool: Pool, clock: Clock, region: str = launch.REGION) -> None:
        self._pool = pool
        self._reactor = pool.reactor
        self._region = region
        self._clock = clock

    def begin(
        self,
        function: Function,
        event: bytes,
        sink: Sink,
        *,
        patience: float,
        max_event: int = MAX_EVENT,
        call: Call | None = None,
        answered: Told = lambda _: None,
        ended: Told = lambda _: None,
    ) -> None:
        """Begins an invocation and returns at once; from any thread.

        Runs `event` (JSON text); log lines go to `sink`. The function's time limit begins when the
        event is delivered; before that, `patience` (seconds) limits the wait for room in memory.

        `answered` is told what became of it as soon as that is known, `ended` when its log is
        complete: every line has gone to `sink`, REPORT last. All three are called on the reactor's
        thread, and may not block. Should taskdock itself fail, `ended` is still told, alone.
        """
        work = self._run(
            function,
            event,
            sink,
            patience=patience,
            max_event=max_event,
            call=call,
            answered=answered,
        )
        self._reactor.spawn(self._ending(work, ended))

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
        """What became of an invocation, once its log is complete; for other threads, which wait."""
        return self._reactor.run(
            self._run(function, event, sink, patience=patience, max_event=max_event, call=call)
        )

    @staticmethod
    async def _ending(work: Coroutine[Any, Any, Outcome], ended: Told) -> None:
        try:
            outcome = await work
        except Exception as error:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "an invocation broke", "exception": error}
            )
            outcome = broken(error)
        ended(outcome)

    async def _run(
        self,
        function: Function,
        event: bytes,
        sink: Sink,
        *,
        patience: float,
        max_event: int,
        call: Call | None,
        answered: Told = lambda _: None,
    ) -> Outcome:
        if len(event) > max_event:
            outcome: Outcome = not_started(
                "RequestEntityTooLargeException",
                f"Request must be smaller than {max_event} bytes for the InvokeFunction operation",
            )
            answered(outcome)
            return outcome
        call = call or Call()
        async with self._pool.lease(function, patience) as leased:
            if isinstance(leased, Failure):
                answered(leased)
                return leased
            log = InvocationLog(call.request_id, function, sink, self._clock, self._region)
            return await _Invocation(
                environment=leased,
                event=event,
                call=call,
                arn=call.arn or launch.function_arn(function.name, self._region),
                log=log,
                attendant=self._pool.attendant,
                clock=self._clock,
                answered=answered,
            ).run()


class _Invocation:
    """One event in one environment that was leased for it."""

    def __init__(
        self,
        *,
        environment: Environment,
        event: bytes,
        call: Call,
        arn: str,
        log: InvocationLog,
        attendant: Attendant,
        clock: Clock,
        answered: Told,
    ) -> None:
        self._environment = environment
        self._event = event
        self._call = call
        self._arn = arn
        self._log = log
        self._attendant = attendant
        self._clock = clock
        self._answered = answered
        self._limit = environment.function.time_limit  # seconds
        self._deadline = clock.now() + timedelta(seconds=self._limit)
        self._begun = clock.monotonic()

    async def run(self) -> Outcome:
        cold = self._environment.turn == 1
        if cold:
            environment = self._environment
            self._log.init_start(environment.begun, environment.image, environment.id)
        self._log.lines(self._environment.record(self._log.line))
        ready = self._environment.state is State.BUSY
        init = self._environment.init_milliseconds if cold and ready else None
        if ready or await self._init_again(cold):
            self._log.start()
            answered = await self._exchange()
            duration = self._milliseconds
            outcome = await self._finish(answered)
        else:
            duration = self._milliseconds
            outcome = self._why()
            if self._environment.state is State.DOWN:
                self._log.init_report(self._environment.age_milliseconds, outcome, "invoke")
            self._log.start()
            self._answered(outcome)
        self._log.explain(outcome)
        self._log.end(outcome, self._usage(outcome, duration, init))
        return outcome

    async def _init_again(self, cold: bool) -> bool:
        """A runtime that is down has its init within the invocation, and in its time."""
        if cold and self._environment.init_milliseconds is None:
            self._log.init_report(self._environment.age_milliseconds, self._why(), "init")
        return await self._attendant.restart(self._environment, self._limit)

    async def _exchange(self) -> Outcome | ProgramExit | None:
        """What came back from the runtime within its time; None: nothing."""
        mailbox = self._environment.mailbox
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Outcome | ProgramExit | None] = loop.create_future()

        def told(what: Outcome | ProgramExit | None) -> None:
            if not reply.done():
                reply.set_result(what)
                if isinstance(what, Outcome):
                    self._answered(what)

        limit = loop.call_later(max(self._limit - self._milliseconds / 1000, 0), told, None)
        mailbox.offer(
            Delivery(
                request_id=self._call.request_id,
                event=self._event,
                deadline_ms=to_epoch(self._deadline),
                function_arn=self._arn,
                client_context=self._call.client_context,
                trace_id=self._call.trace_id,
            ),
            told,
        )
        answered = await reply
        limit.cancel()
        if answered is None:
            mailbox.withdraw()
        return answered

    async def _finish(self, answered: Outcome | ProgramExit | None) -> Outcome:
        """Waits for the rest of the log, and makes an outcome of what is none yet."""
        if isinstance(answered, Outcome):
            await self._environment.settle(_SETTLE_LIMIT)
            return answered
        if answered is None:
            await self._attendant.end(self._environment)
        outcome = self._why()
        self._answered(outcome)
        return outcome

    def _why(self) -> Failure:
        """Why the runtime has ended without an answer, or was not started."""
        environment, request_id = self._environment, self._call.request_id
        if environment.retired:
            return stopped()
        if environment.overdue:
            return timed_out(request_id, self._limit)
        end = environment.end or ProgramExit()
        return environment.init_failure or ended(request_id, end)

    @property
    def _milliseconds(self) -> float:
        """Since it began."""
        return (self._clock.monotonic() - self._begun) * 1000

    def _usage(self, outcome: Outcome, duration: float, init: float | None) -> Usage:
        timed_out = isinstance(outcome, Failure) and outcome.cause is Cause.TIMEOUT
        return Usage(
            duration=self._limit * 1000 if timed_out else duration,
            memory_limit=self._environment.function.memory_limit,
            max_memory=math.ceil(self._environment.peak / _MEGABYTE),
            init=init,
        )
