"""Runs one claimed task to its end: invoke, decide, record. Used by worker and direct execution.

API requests and the Lambda API use its `invoke` alone: they have no tasks.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from emulator.clock import Clock
from emulator.functions.catalog import Catalog
from emulator.functions.function import Function, RetryPolicy
from emulator.lambdas.invoker import MAX_EVENT, Call, Invoker
from emulator.lambdas.logs import LogLine, Sink
from emulator.lambdas.outcome import Answer, Cause, Failure, Outcome, not_started
from emulator.notices import Notices
from emulator.tasks import shape
from emulator.tasks.journal import Journal
from emulator.tasks.queue import Queue
from emulator.tasks.retry import next_attempt
from emulator.tasks.task import ErrorType, Task, TaskError

PATIENCE = 300.0  # seconds that a queued task waits for room in memory
_NO_RETRY = RetryPolicy()


class Runner:
    def __init__(
        self,
        *,
        queue: Queue,
        journal: Journal,
        catalog: Catalog,
        invoker: Invoker,
        clock: Clock,
        notices: Notices,
    ) -> None:
        self._queue = queue
        self._journal = journal
        self._catalog = catalog
        self._invoker = invoker
        self._clock = clock
        self._notices = notices
        self._running: set[str] = set()

    @property
    def running(self) -> Collection[str]:
        """The ids of the owners of all log records that are written now."""
        return self._running.copy()

    def run(self, task: Task) -> None:
        """Runs a task that this server has claimed from the queue, and ends it."""
        function = self._catalog.find(task.function_name)
        if function is None:
            name = task.function_name
            outcome: Outcome = not_started("FunctionUnknown", f"there is no function '{name}'")
        else:
            outcome = self.invoke(task.id, function, shape.to_json(task), PATIENCE)
        if isinstance(outcome, Failure):
            self._failed(task, outcome, function.retry_policy if function else _NO_RETRY)
        else:
            self._tell("task_completed", task, self._queue.succeed(task, self._clock.now()))

    def run_directly(self, task: Task, function: Function, patience: float) -> Outcome:
        """Runs a task whose caller waits: no retry, and no giving back."""
        outcome = self.invoke(task.id, function, shape.to_json(task), patience)
        now = self._clock.now()
        if isinstance(outcome, Answer):
            self._tell("task_completed", task, self._queue.succeed(task, now))
        else:
            error = error_of(outcome)
            self._tell("task_failed", task, self._queue.fail(task, error, now), error=error.name)
        return outcome

    def invoke(
        self,
        id: str,
        function: Function,
        event: Any,
        patience: float,
        *,
        max_event: int = MAX_EVENT,
        call: Call | None = None,
        listener: Sink | None = None,
    ) -> Outcome:
        """`id`: the task, API request or invocation record whose log this writes.

        `event` is a JSON value, or the bytes of one, which stay as they are. `listener` hears each
        log line, too. Whatever goes wrong in here becomes its failure; nothing is left in progress.
        """
        if not function.enabled:
            return not_started("FunctionDisabled", f"the function '{function.name}' is disabled")
        record = self._journal.open(id)
        self._running.add(id)
        try:
            text = event if isinstance(event, bytes) else _encoded(event)
            sink = record if listener is None else _both(record, listener)
            return self._invoker.invoke(
                function, text, sink, patience=patience, max_event=max_event, call=call
            )
        except Exception as error:
            self._notices.publish("invocation_broke", id=id, error=repr(error))
            return not_started("InvocationFailed", f"taskdock could not run it: {error!r}")
        finally:
            self._running.discard(id)
            self._journal.close(id)

    def _failed(self, task: Task, failure: Failure, policy: RetryPolicy) -> None:
        now = self._clock.now()
        if failure.cause is Cause.STOPPED:
            self._tell("task_released", task, self._queue.release(task, now))
            return
        error = error_of(failure)
        delay = next_attempt(task, error, policy)
        if delay is None:
            ended = self._queue.fail(task, error, now)
            self._tell("task_failed", task, ended, error=error.name)
            return
        pair = self._queue.retry(task, error, delay, now)
        self._tell("task_retried", task, pair and pair[0], error=error.name)

    def _tell(self, name: str, task: Task, ended: Task | None, **facts: str) -> None:
        if ended is None:
            self._notices.publish("claim_lost", task=task.id, function=task.function_name)
        else:
            self._notices.publish(name, task=task.id, function=task.function_name, **facts)


def _encoded(event: Any) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


def _both(first: Sink, second: Sink) -> Sink:
    def sink(line: LogLine) -> None:
        first(line)
        second(line)

    return sink


def error_of(failure: Failure) -> TaskError:
    started = failure.cause not in (Cause.START, Cause.STOPPED)
    kind = ErrorType.RUNTIME if started else ErrorType.INVOCATION
    return TaskError(kind, failure.name, failure.message)
