"""Dispatcher: runs what the backlog holds, as many side by side as it has places for.

Retries are AWS Lambda's: two after a failure of the function. What could not be started, or was cut
off by the server's stop or with its container, spends no attempt. Nothing is begun while containers
cannot be had; what fails for them although they can be is postponed, longer each time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from functools import partial

from emulator.base.notices import Notices
from emulator.base.timing.clock import Clock
from emulator.base.timing.loop import LONGEST_PAUSE, Loop, until
from emulator.lambdas.functions.catalog import Catalog
from emulator.lambdas.outcome import Answer, Cause, Outcome
from emulator.tasks.invocations.event_queue import Accepted, EventQueue
from emulator.tasks.logs.log_store import LogBuffer, LogStore
from emulator.tasks.model.notices import (
    InvocationBroke,
    InvocationCompleted,
    InvocationGivenUp,
    InvocationPostponed,
    InvocationReleased,
    InvocationRetried,
    InvocationSettled,
)
from emulator.tasks.queue.runner import PATIENCE, Runner
from emulator.tasks.work.unwritten import Unwritten


class Dispatcher(Loop):
    name = "dispatcher"

    def __init__(
        self,
        *,
        backlog: EventQueue,
        journal: LogStore,
        catalog: Catalog,
        runner: Runner,
        unwritten: Unwritten,
        places: int,
        held: Callable[[], bool],
        clock: Clock,
        notices: Notices,
    ) -> None:
        """`held`: whether nothing may be begun for now; who ends that wakes the dispatcher."""
        super().__init__(clock, notices)
        self._backlog = backlog
        self._journal = journal
        self._catalog = catalog
        self._runner = runner
        self._unwritten = unwritten
        self._places = places
        self._held = held
        self._running: set[str] = set()
        self._changed = threading.Condition()

    def run_once(self) -> float:
        with self._changed:
            running = self._running.copy()
        free = self._places - len(running)
        if free == 0 or self._held():
            return LONGEST_PAUSE
        now = self._clock.now()
        self._backlog.bring_forward(self._clock)
        running |= set(self._unwritten.owners)
        for accepted in self._backlog.due(now, free, without=running):
            running.add(accepted.record.id)
            with self._changed:
                self._running.add(accepted.record.id)
            name = f"invocation-{accepted.record.id}"
            threading.Thread(
                target=self._run_accepted, args=(accepted,), name=name, daemon=True
            ).start()
        return until(self._backlog.next_due(without=running), now)

    def await_idle(self, limit: float) -> bool:
        """For a dispatcher that has stopped: waits `limit` seconds at most until nothing runs."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._running, limit)

    def _run_accepted(self, accepted: Accepted) -> None:
        try:
            self._attempt(accepted)
        except Exception as error:  # before it was run; it stays in the backlog
            self._notices.publish(InvocationBroke(id=accepted.record.id, error=repr(error)))
        finally:
            with self._changed:
                self._running.discard(accepted.record.id)
                self._changed.notify_all()
        self.wake()

    def _attempt(self, accepted: Accepted) -> None:
        function = self._catalog.find(accepted.record.function_name)
        if function is None:
            self._give_up(accepted, "the function was deleted")
        elif accepted.expired(self._clock.now()):
            self._give_up(accepted, "it is too old")
        else:
            record = accepted.record
            log = self._journal.open(record.id)
            outcome = self._runner.invoke(
                log, function, accepted.event, PATIENCE, call=accepted.call
            )
            settle = partial(self._settle, accepted, outcome, self._clock.now(), log)
            self._unwritten.write_or_keep(record.id, settle)

    def _settle(self, accepted: Accepted, outcome: Outcome, now: datetime, log: LogBuffer) -> None:
        with self._journal.writing([log]):
            kind, error = self._move(accepted, outcome, now)
        self._tell(kind, accepted, error)

    def _move(
        self, accepted: Accepted, outcome: Outcome, now: datetime
    ) -> tuple[type[InvocationSettled], str | None]:
        """The kind of the notice that is true when this is committed, and its error."""
        attempts = accepted.attempts
        if isinstance(outcome, Answer):
            self._backlog.remove(accepted)
            return InvocationCompleted, None
        if outcome.cause is Cause.STOPPED or (outcome.cause is Cause.UNAVAILABLE and self._held()):
            return InvocationReleased, None
        if outcome.cause in (Cause.START, Cause.UNAVAILABLE, Cause.LOST):
            self._backlog.postpone(accepted, accepted.after_refusal(now), attempts=attempts)
            return InvocationPostponed, outcome.message
        if (due := accepted.after_failure(now)) is None:
            self._backlog.remove(accepted)
            return InvocationGivenUp, outcome.name
        self._backlog.postpone(accepted, due, attempts=attempts + 1)
        return InvocationRetried, outcome.name

    def _give_up(self, accepted: Accepted, why: str) -> None:
        def remove() -> None:
            self._backlog.remove(accepted)
            self._tell(InvocationGivenUp, accepted, why)

        self._unwritten.write_or_keep(accepted.record.id, remove)

    def _tell(self, kind: type[InvocationSettled], accepted: Accepted, error: str | None) -> None:
        record = accepted.record
        self._notices.publish(
            kind(function=record.function_name, request=record.request_id, error=error)
        )
