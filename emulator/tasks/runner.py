"""Runs one claimed task to its end: invoke, decide, record. Used by worker and direct execution.

API requests use its `invoke` alone: they are no tasks.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

from emulator.clock import Clock
from emulator.functions.catalog import Catalog
from emulator.functions.function import Function, RetryPolicy
from emulator.lambdas.invoker import MAX_EVENT, Invoker
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
        """The ids of the tasks and API requests that run now."""
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
    ) -> Outcome:
        """`id`: the task or API request whose log this writes.

        Whatever goes wrong in here becomes its failure; nothing is left in progress.
        """
        if not function.enabled:
            return not_started("FunctionDisabled", f"the function '{function.name}' is disabled")
        record = self._journal.open(id)
        self._running.add(id)
        try:
            text = json.dumps(event, ensure_ascii=False).encode()
            return self._invoker.invoke(
                function, text, record, patience=patience, max_event=max_event
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


def error_of(failure: Failure) -> TaskError:
    started = failure.cause not in (Cause.START, Cause.STOPPED)
    kind = ErrorType.RUNTIME if started else ErrorType.INVOCATION
    return TaskError(kind, failure.name, failure.message)
