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
            self._notices.publish("invocation_broke", id=accepted.record.id, error=repr(error))
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
            name, facts = self._move(accepted, outcome, now)
        self._tell(name, accepted, **facts)

    def _move(
        self, accepted: Accepted, outcome: Outcome, now: datetime
    ) -> tuple[str, dict[str, str]]:
        """The notice that is true when this is committed."""
        attempts = accepted.attempts
        if isinstance(outcome, Answer):
            self._backlog.remove(accepted)
            return "invocation_completed", {}
        if outcome.cause is Cause.STOPPED or (outcome.cause is Cause.UNAVAILABLE and self._held()):
            return "invocation_released", {}
        if outcome.cause in (Cause.START, Cause.UNAVAILABLE, Cause.LOST):
            self._backlog.postpone(accepted, accepted.after_refusal(now), attempts=attempts)
            return "invocation_postponed", {"error": outcome.message}
        if (due := accepted.after_failure(now)) is None:
            self._backlog.remove(accepted)
            return "invocation_given_up", {"error": outcome.name}
        self._backlog.postpone(accepted, due, attempts=attempts + 1)
        return "invocation_retried", {"error": outcome.name}

    def _give_up(self, accepted: Accepted, why: str) -> None:
        def remove() -> None:
            self._backlog.remove(accepted)
            self._tell("invocation_given_up", accepted, error=why)

        self._unwritten.write_or_keep(accepted.record.id, remove)

    def _tell(self, name: str, accepted: Accepted, **facts: str) -> None:
        record = accepted.record
        self._notices.publish(
            name, function=record.function_name, request=record.request_id, **facts
        )
