"""The invoker: finds an environment for an event, and has what came of it told to whoever asked."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from emulator.base.errors import EngineUnreachable, Unavailable
from emulator.base.timing.clock import Clock
from emulator.engines.watch import EngineWatch
from emulator.lambdas import arns
from emulator.lambdas.environment.environment import Environment
from emulator.lambdas.functions.function import Function
from emulator.lambdas.invoke.invocation import Call, Invocation, Told
from emulator.lambdas.invoke.platform_log import InvocationLog
from emulator.lambdas.log_line import Sink
from emulator.lambdas.outcome import (
    Cause,
    Failure,
    Outcome,
    broken,
    could_not_start,
    not_started,
    unavailable,
)
from emulator.lambdas.pool.pool import Pool

MAX_EVENT = 6 * 1024 * 1024  # bytes
_AT_ONCE = 0.05  # seconds; what gets its environment later than that has waited for it
_NO_ROOM = "NoCapacity"  # what the pool calls that
_NOT_KEPT = unavailable("NotKept", "that it begins could not be written")


class Turn(Protocol):
    """What waits for its turn to begin, told on the reactor's thread."""

    def waits(self) -> None:
        """There is no environment at once. May not block."""

    async def begins(self) -> bool:
        """Only after `waits`: there is one. False: it may not begin."""


class Invoker:
    def __init__(
        self,
        *,
        pool: Pool,
        watch: EngineWatch,
        clock: Clock,
        region: str = arns.REGION,
    ) -> None:
        self._pool = pool
        self._reactor = pool.reactor
        self._watch = watch
        self._region = region
        self._clock = clock
        self._under_way = 0
        self._idle = threading.Condition()
        self._closed = False

    def close(self) -> None:
        """From now on, callers are refused by `check_open`."""
        self._closed = True

    def check_open(self) -> None:
        """For those whose caller waits. Raises `Unavailable` once it is closed."""
        if self._closed:
            raise Unavailable(
                "the server is stopping; nothing has begun: try again when it is back"
            )

    def await_idle(self, limit: float) -> bool:
        """Waits `limit` seconds at most until no invocation is under way, whoever began it."""
        with self._idle:
            return self._idle.wait_for(lambda: not self._under_way, limit)

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
        answered: Told = lambda _: None,
        ended: Told = lambda _: None,
    ) -> None:
        """Begins an invocation and returns at once; from any thread.

        Runs `event` (JSON text); log lines go to `sink`. The function's time limit begins when the
        event is delivered; before that, `patience` (seconds) limits the wait for room in memory,
        and `turn` is told of it.

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
        turn: Turn | None = None,
        answered: Told = lambda _: None,
    ) -> Outcome:
        with self._counted():
            return await self._lease(
                function,
                event,
                sink,
                patience=patience,
                max_event=max_event,
                call=call or Call(),
                turn=turn,
                answered=answered,
            )

    @contextmanager
    def _counted(self) -> Iterator[None]:
        with self._idle:
            self._under_way += 1
        try:
            yield
        finally:
            with self._idle:
                self._under_way -= 1
                self._idle.notify_all()

    async def _lease(
        self,
        function: Function,
        event: bytes,
        sink: Sink,
        *,
        patience: float,
        max_event: int,
        call: Call,
        turn: Turn | None,
        answered: Told,
    ) -> Outcome:
        if len(event) > max_event:
            outcome: Outcome = not_started(
                "RequestEntityTooLargeException",
                f"Request must be smaller than {max_event} bytes for the InvokeFunction operation",
            )
            answered(outcome)
            return outcome
        with _Waiting(turn, self._watch) as waiting:
            async with self._pool.lease(function, patience) as leased:
                waiting.end()
                if not isinstance(leased, Failure) and await waiting.may_begin():
                    return await self._invoke(leased, event, sink, call, answered)
                failure = self._blamed(leased) if isinstance(leased, Failure) else _NOT_KEPT
                answered(failure)
                return failure

    async def _invoke(
        self, environment: Environment, event: bytes, sink: Sink, call: Call, answered: Told
    ) -> Outcome:
        function = environment.function
        log = InvocationLog(call.request_id, function, sink, self._clock, self._region)
        return await Invocation(
            environment=environment,
            event=event,
            call=call,
            arn=call.arn or arns.function_arn(function.name, self._region),
            log=log,
            operations=self._pool.operations,
            clock=self._clock,
            answered=answered,
        ).run()

    def _blamed(self, failure: Failure) -> Failure:
        """No room is made while the engine is in trouble: it cannot remove anything."""
        trouble = self._watch.trouble
        if failure.cause is Cause.START and failure.name == _NO_ROOM and trouble is not None:
            return could_not_start(EngineUnreachable(trouble))
        return failure


class _Waiting:
    """The wait for an environment. Unless it is over at once, its turn is told of it; so is the
    watch, since it may be the engine that nothing comes from."""

    def __init__(self, turn: Turn | None, watch: EngineWatch) -> None:
        self._turn = turn
        self._watch = watch
        self._awaited: asyncio.Future[None] | None = None
        self._timer = asyncio.get_running_loop().call_later(_AT_ONCE, self._tell)

    def __enter__(self) -> _Waiting:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def _tell(self) -> None:
        self._awaited = self._watch.await_answers()
        if self._turn is not None:
            self._turn.waits()

    def end(self) -> None:
        self._timer.cancel()
        if self._awaited is not None:
            self._watch.forget(self._awaited)

    async def may_begin(self) -> bool:
        return self._turn is None or self._awaited is None or await self._turn.begins()
