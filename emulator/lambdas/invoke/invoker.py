"""The invoker: has an environment run an event, and hands the outcome to whoever asked."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any

from taskdock.base.errors import EngineUnreachable, Unavailable
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.limits import Limits
from taskdock.engines.watch import EngineWatch
from taskdock.lambdas import arns
from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.invoke.fault_list import FaultList
from taskdock.lambdas.invoke.injection import Injection, LastImage
from taskdock.lambdas.invoke.invocation import Call, Invocation, OnOutcome
from taskdock.lambdas.invoke.platform_log import InvocationLog
from taskdock.lambdas.invoke.run_record import NoRunRecorder, RunRecorder
from taskdock.lambdas.invoke.under_way import UnderWay
from taskdock.lambdas.invoke.waiting import Turn, Waiting
from taskdock.lambdas.log_line import Sink
from taskdock.lambdas.outcome import (
    Cause,
    Failure,
    Outcome,
    broken,
    could_not_start,
    not_started,
    unavailable,
)
from taskdock.lambdas.pool.debugging.session import Lease
from taskdock.lambdas.pool.pool import Pool
from taskdock.lambdas.slot import ASKED

MAX_EVENT = 6 * 1024 * 1024  # bytes
_NO_ROOM = "NoCapacity"  # the name of that failure
_NOT_KEPT = unavailable("NotKept", "that it begins could not be written")


class Invoker:
    def __init__(
        self,
        *,
        pool: Pool,
        watch: EngineWatch,
        clock: Clock,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        region: str = arns.REGION,
        faults: FaultList | None = None,
        image_of: LastImage = lambda _: "",
        lease: Lease | None = None,
        notices: Notices | None = None,
    ) -> None:
        """`faults`: those to inject. `image_of`: the image that a function ran in last, "" where it
        is not known, for the log where nothing runs. `lease`: None is the pool's."""
        self._faults = faults or FaultList(clock)
        self._injection = Injection(pool=pool, clock=clock, limits=limits, image_of=image_of)
        self._pool, self._lease = pool, lease or pool.lease
        self._reactor, self._region = pool.reactor, region
        self._watch, self._notices = watch, notices or Notices()
        self._clock, self._limits = clock, limits
        self._under_way, self._closed = UnderWay(), False
        self.recorder: RunRecorder = NoRunRecorder()
        """Keeps each run; it is set before the first one."""

    def close(self) -> None:
        """From now on, callers are refused by `check_open`."""
        self._closed = True

    def check_open(self) -> None:
        """For those whose caller waits. Raises `Unavailable` once it is closed."""
        if self._closed:
            why = "the server is stopping; nothing has begun: try again when it is back"
            raise Unavailable(why)

    @property
    def under_way(self) -> int:
        """The number of invocations that have not ended, whoever began them."""
        return self._under_way.count

    def await_idle(self, limit: float) -> bool:
        """Waits `limit` seconds at most until no invocation is under way, whoever began it."""
        return self._under_way.await_none(limit)

    def settle(self, limit: float) -> bool:
        """As `await_idle`; what was begun before counts, and whoever waits for an end has it."""
        self._reactor.run(_nothing())
        idle = self.await_idle(limit)
        self._reactor.run(_nothing())
        return idle

    def end_all(self) -> int:
        """Has what is under way end soon, as by a reset; how many invocations that is."""
        count = self._under_way.count
        self._pool.end_running()
        return count

    def begin(
        self,
        function: Function,
        event: bytes,
        sink: Sink,
        *,
        patience: float,
        max_event: int = MAX_EVENT,
        call: Call | None = None,
        turn: Turn | None = None,
        answered: OnOutcome = lambda _: None,
        ended: OnOutcome = lambda _: None,
    ) -> None:
        """Begins an invocation and returns at once; from any thread.

        Runs `event` (JSON text); log lines go to `sink`. The function's time limit begins when the
        event is delivered; before that, `patience` (seconds) limits the wait for room in memory,
        of which `turn` hears.

        `answered` is called with the outcome as soon as that is known, `ended` with the same when
        the log is complete: every line has gone to `sink`, REPORT last. All three are called on the
        reactor's thread, and may not block. Should taskdock itself fail, `ended` is called all the
        same, and alone.
        """
        work = self._recorded(
            function,
            event,
            sink,
            patience=patience,
            max_event=max_event,
            call=call or Call(),
            turn=turn,
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
        """The outcome of an invocation, once its log is complete; for other threads, which wait."""
        return self._reactor.run(
            self._recorded(
                function, event, sink, patience=patience, max_event=max_event, call=call or Call()
            )
        )

    @staticmethod
    async def _ending(work: Coroutine[Any, Any, Outcome], ended: OnOutcome) -> None:
        try:
            outcome = await work
        except Exception as error:
            asyncio.get_running_loop().call_exception_handler(
                {"message": "an invocation broke", "exception": error}
            )
            outcome = broken(error)
        ended(outcome)

    async def _recorded(
        self, function: Function, event: bytes, sink: Sink, *, call: Call, **options: Any
    ) -> Outcome:
        """Runs it, with a record for whoever keeps the runs."""
        record = self.recorder.begin(
            function, event, kind=call.kind, request_id=call.request_id, task_id=call.task_id
        )
        if record is None:
            return await self._run(function, event, sink, call=call, **options)
        call, sink = call.with_record(record), record.recording(sink)
        with record.ending(self.recorder):
            record.outcome = await self._run(function, event, sink, call=call, **options)
        return record.outcome

    async def _run(
        self,
        function: Function,
        event: bytes,
        sink: Sink,
        *,
        patience: float,
        max_event: int,
        call: Call,
        turn: Turn | None = None,
        answered: OnOutcome = lambda _: None,
    ) -> Outcome:
        if len(event) > max_event:
            outcome: Outcome = not_started(
                "RequestEntityTooLargeException",
                f"Request must be smaller than {max_event} bytes for the InvokeFunction operation",
            )
            answered(outcome)
            return outcome
        lease = self._lease
        fault = self._faults.take(function.name) if self._faults.armed else None
        if fault is not None:
            call = call.with_fault(fault)
            lease = partial(self._injection.lease, fault.fault)
        ASKED.set(call)
        with self._under_way, Waiting(turn, self._watch) as waiting:
            async with lease(function, patience) as leased:
                waiting.end(call.record)
                if not isinstance(leased, Failure) and await waiting.may_begin():
                    return await self._invoke(leased, event, sink, call, answered)
                failure = self._blamed(leased) if isinstance(leased, Failure) else _NOT_KEPT
                self._log(function, sink, call).mark()
                answered(failure)
                return failure

    async def _invoke(
        self, environment: Environment, event: bytes, sink: Sink, call: Call, answered: OnOutcome
    ) -> Outcome:
        function = environment.function
        log = self._log(function, sink, call)
        return await Invocation(
            environment=environment,
            event=event,
            call=call,
            arn=call.arn or arns.function_arn(function.name, self._region),
            log=log,
            operations=self._pool.operations,
            clock=self._clock,
            limits=self._limits,
            answered=answered,
            notices=self._notices,
        ).run()

    def _log(self, function: Function, sink: Sink, call: Call) -> InvocationLog:
        return InvocationLog(
            call.request_id, function, sink, self._clock, self._region, fault=call.fault
        )

    def _blamed(self, failure: Failure) -> Failure:
        """Blames the engine where there was no room: while it is in trouble, it removes nothing."""
        trouble = self._watch.trouble
        if failure.cause is Cause.START and failure.name == _NO_ROOM and trouble is not None:
            return could_not_start(EngineUnreachable(trouble))
        return failure


async def _nothing() -> None:
    """Done on the reactor's thread behind all that waits there."""
