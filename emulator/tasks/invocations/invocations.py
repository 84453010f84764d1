"""The Lambda API's verbs for invocations: run a function now, or accept an event for it.

Every invocation leaves a record, under which its log lines are kept. There is no task.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from taskdock.base import ids
from taskdock.base.errors import IllegalState, TooManyExecutions
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.limits import Limits
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.invoke.invocation import Call
from taskdock.lambdas.invoke.invoker import Invoker
from taskdock.lambdas.log_line import LogLine, Sink
from taskdock.lambdas.outcome import Outcome, throttled
from taskdock.tasks.invocations.event_queue import EventQueue
from taskdock.tasks.logs.invocation_record import InvocationRecord
from taskdock.tasks.logs.log_store import LogStore
from taskdock.tasks.model.notices import FunctionInvoked, InvocationAccepted

# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
MAX_ACCEPTED_EVENT = 1024 * 1024  # bytes
_TAIL = 4096  # bytes


@dataclass(frozen=True)
class Invoked:
    """The outcome of an invocation, and the last 4096 bytes of its log if the caller asked."""

    outcome: Outcome
    log_tail: bytes | None


class Invocations:
    def __init__(
        self,
        *,
        event_queue: EventQueue,
        log_store: LogStore,
        invoker: Invoker,
        places: threading.Semaphore,
        wake: Callable[[], None],
        clock: Clock,
        notices: Notices,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        """`places` limits the invocations whose caller waits; `wake` is called for a new event."""
        self._event_queue = event_queue
        self._patience = limits.patience
        self._log_store = log_store
        self._invoker = invoker
        self._places = places
        self._wake = wake
        self._clock = clock
        self._notices = notices
        self._running: dict[str, None] = {}

    def running(self) -> list[str]:
        """The ids of those that a caller has begun and whose log is not complete. For any
        thread."""
        return list(self._running)

    def begin(
        self,
        function: Function,
        event: bytes,
        call: Call,
        *,
        with_log: bool,
        answered: Callable[[Invoked], object],
    ) -> None:
        """Begins to run `event` (JSON text of `invoker.MAX_EVENT` at most), and returns at once.

        On the reactor's thread, as is `answered`, which is called as soon as there is an answer, or
        `with_log` when the log is complete. Raises `Unavailable` when the server stops,
        `IllegalState` for a disabled function, or `TooManyExecutions`.
        """
        self._invoker.check_open()
        _check_enabled(function)
        if not self._places.acquire(blocking=False):
            raise TooManyExecutions(throttled().message)
        record = self._new_record(function, call)
        self._running[record.id] = None
        sink = self._log_store.open_invocation(record)
        tail = _Tail(sink) if with_log else None
        has_answer = False

        def answer(outcome: Outcome) -> None:
            nonlocal has_answer
            if not has_answer:
                has_answer = True
                self._places.release()
                answered(Invoked(outcome, None if tail is None else tail.kept))

        def end(outcome: Outcome) -> None:
            answer(outcome)
            self._running.pop(record.id, None)
            self._notices.publish(FunctionInvoked(function=function.name, request=call.request_id))

        self._invoker.begin(
            function,
            event,
            tail or sink,
            patience=self._patience,
            call=call,
            answered=answer if tail is None else lambda _: None,
            ended=end,
        )

    def accept(self, function: Function, event: bytes, call: Call) -> None:
        """Keeps `event` (of `MAX_ACCEPTED_EVENT`) until it has been run; raises `IllegalState`."""
        _check_enabled(function)
        self._event_queue.add(self._new_record(function, call), event, call)
        self._notices.publish(InvocationAccepted(function=function.name, request=call.request_id))
        self._wake()

    def _new_record(self, function: Function, call: Call) -> InvocationRecord:
        now = self._clock.now()
        return InvocationRecord(
            id=ids.object_id(now),
            request_id=call.request_id,
            function_name=function.name,
            timestamp=now,
        )


def _check_enabled(function: Function) -> None:
    if not function.enabled:
        raise IllegalState(f"the function '{function.name}' is disabled")


class _Tail:
    """Passes log lines on and keeps the end of them."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.kept = b""

    def __call__(self, line: LogLine) -> None:
        self._sink(line)
        if line.message.startswith("INIT_START "):
            return  # it is in the log, but AWS does not show it to the caller
        self.kept = (self.kept + line.message.encode(errors="replace") + b"\n")[-_TAIL:]
