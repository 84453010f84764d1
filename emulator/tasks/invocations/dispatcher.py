"""Dispatcher: the poller of asynchronous events. It runs as many side by side as it has places for.

Retries are AWS Lambda's: two after a failure of the function. An event that could not be started,
or was cut off by the server's stop or with its container, spends no attempt. Nothing is begun while
containers cannot be had; what fails for them although they can be is postponed, longer each time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from taskdock.base.notices import Notice, Notices
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.limits import Limits
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.outcome import Answer, Cause, Outcome
from taskdock.tasks.invocations.event_queue import Accepted, EventQueue
from taskdock.tasks.logs.log_store import LogBuffer, LogStore
from taskdock.tasks.model.notices import (
    ClaimLost,
    InvocationCompleted,
    InvocationGivenUp,
    InvocationPostponed,
    InvocationReleased,
    InvocationRetried,
    InvocationSettled,
)
from taskdock.tasks.work import delays
from taskdock.tasks.work.poller import Poller
from taskdock.tasks.work.safe_invoker import SafeInvoker
from taskdock.tasks.work.unwritten import Unwritten


@dataclass(frozen=True)
class Attempt:
    """An attempt at an event that has ended: with an outcome, or with the reason (a text) why the
    event is given up without being run."""

    accepted: Accepted
    log: LogBuffer
    end: Outcome | str


class Dispatcher(Poller[Accepted, Attempt]):
    name = "dispatcher"

    def __init__(
        self,
        *,
        event_queue: EventQueue,
        log_store: LogStore,
        catalog: Catalog,
        invoker: SafeInvoker,
        unwritten: Unwritten,
        places: int,
        held: Callable[[], bool],
        clock: Clock,
        notices: Notices,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        super().__init__(places=places, held=held, clock=clock, notices=notices)
        self._event_queue = event_queue
        self._log_store = log_store
        self._catalog = catalog
        self._invoker = invoker
        self._unwritten = unwritten
        self._limits = limits

    def claim(self, now: datetime, limit: int) -> Sequence[Accepted]:
        return self._event_queue.claim(now, limit)

    def begin(self, work: Accepted, ended: Callable[[Attempt], None]) -> None:
        record, log = work.record, self._log_store.open(work.record.id)
        function = self._catalog.find(record.function_name)
        if function is None:
            ended(Attempt(work, log, "the function was deleted"))
        elif delays.is_expired(self._clock.now() - record.timestamp):
            ended(Attempt(work, log, "it is too old"))
        else:
            self._invoker.begin(
                record.id,
                function,
                work.event,
                log,
                patience=self._limits.task_patience,
                call=work.call,
                ended=lambda outcome: ended(Attempt(work, log, outcome)),
            )

    @contextmanager
    def settling(self, results: Sequence[Attempt]) -> Iterator[None]:
        now = self._clock.now()
        with self._log_store.writing([attempt.log for attempt in results]):
            notices = [self._settle(attempt, now) for attempt in results]
            yield
        for notice in notices:
            self._notices.publish(notice)

    def keep(self, result: Attempt, problem: Exception) -> None:
        write = partial(self.settle_all, [result])
        self._unwritten.keep(result.accepted.record.id, write, problem)

    def next_due(self) -> datetime | None:
        return self._event_queue.next_due()

    def bring_forward(self) -> int:
        return self._event_queue.bring_forward(self._clock)

    def _settle(self, attempt: Attempt, now: datetime) -> Notice:
        """The notice that is true when this is committed."""
        record = attempt.accepted.record
        facts = {"function": record.function_name, "request": record.request_id}
        written, kind, error = self._move(attempt.accepted, attempt.end, now)
        return kind(**facts, error=error) if written else ClaimLost(**facts)

    def _move(
        self, accepted: Accepted, end: Outcome | str, now: datetime
    ) -> tuple[bool, type[InvocationSettled], str | None]:
        """Whether it is written, the kind of its notice, and the error of that."""
        events, attempts = self._event_queue, accepted.attempts
        if isinstance(end, str):
            return events.remove(accepted), InvocationGivenUp, end
        if isinstance(end, Answer):
            return events.remove(accepted), InvocationCompleted, None
        if end.cause is Cause.STOPPED or (end.cause is Cause.UNAVAILABLE and self._held()):
            return events.release(accepted), InvocationReleased, None
        if end.cause.is_of_invocation:
            due = now + delays.of_refused_event(now - accepted.record.timestamp)
            postponed = events.postpone(accepted, due, attempts=attempts)
            return postponed, InvocationPostponed, end.message
        delay = delays.EVENTS.after(attempts + 1)
        if delay is None:
            return events.remove(accepted), InvocationGivenUp, end.name
        retried = events.postpone(accepted, now + delay, attempts=attempts + 1)
        return retried, InvocationRetried, end.name
