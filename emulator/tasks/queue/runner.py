"""Runs claimed tasks, for worker and direct execution: has them invoked, writes how they ended.

API requests and the Lambda API use its `invoke` alone: they have no tasks.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from emulator.base.notices import Notice, Notices
from emulator.base.timing.clock import Clock
from emulator.lambdas.functions.catalog import Catalog
from emulator.lambdas.functions.function import Function, RetryPolicy
from emulator.lambdas.invoke.invocation import Call
from emulator.lambdas.invoke.invoker import MAX_EVENT, Invoker
from emulator.lambdas.outcome import Failure, Outcome, broken, not_started
from emulator.tasks.logs.log_store import LogBuffer, LogStore
from emulator.tasks.model import task_json
from emulator.tasks.model.notices import (
    ClaimLost,
    InvocationBroke,
    TaskCompleted,
    TaskEnded,
    TaskFailed,
    TaskReleased,
    TaskRetried,
)
from emulator.tasks.model.task import Move, Task
from emulator.tasks.queue import ending
from emulator.tasks.queue.ending import Ending
from emulator.tasks.queue.queue import Queue
from emulator.tasks.queue.waiting import WaitingTasks
from emulator.tasks.work.unwritten import Unwritten

PATIENCE = 300.0  # seconds that a queued task waits for room in memory
_NO_RETRY = RetryPolicy()
_NOTICES: dict[Move, type[TaskEnded]] = {
    Move.SUCCEEDED: TaskCompleted,
    Move.FAILED: TaskFailed,
    Move.RETRIED: TaskRetried,
    Move.RELEASED: TaskReleased,
}


@dataclass(frozen=True)
class Run:
    """A task that was begun; its log lines are in `record`, `policy` was its function's then."""

    task: Task
    policy: RetryPolicy
    record: LogBuffer


class Runner:
    def __init__(
        self,
        *,
        queue: Queue,
        journal: LogStore,
        catalog: Catalog,
        invoker: Invoker,
        waiting: WaitingTasks,
        unwritten: Unwritten,
        clock: Clock,
        notices: Notices,
    ) -> None:
        self._queue = queue
        self._waiting = waiting
        self._unwritten = unwritten
        self._journal = journal
        self._catalog = catalog
        self._invoker = invoker
        self._clock = clock
        self._notices = notices
        self._running: set[str] = set()

    def check_open(self) -> None:
        """For those whose caller waits. Raises `Unavailable` when the server stops."""
        self._invoker.check_open()

    @property
    def running(self) -> Collection[str]:
        """The ids of all tasks whose endings are still to be written."""
        return self._running.copy()

    def begin(self, task: Task, ended: Callable[[Run, Outcome], None]) -> None:
        """Begins a task that this server has claimed from the queue, and returns at once.

        `ended` is called when it has ended, on any thread, and may not block. Whatever goes wrong
        becomes its outcome. The ending is then to be written by `write_endings`.
        """
        function = self._catalog.find(task.function_name)
        policy = _NO_RETRY if function is None else function.retry_policy
        run = Run(task, policy, self._journal.open(task.id))
        self._running.add(task.id)
        if function is None:
            name = task.function_name
            ended(run, not_started("FunctionUnknown", f"there is no function '{name}'"))
            return
        if not function.enabled:
            ended(run, _disabled(function))
            return
        try:
            self._invoker.begin(
                function,
                _encoded(task_json.to_json(task)),
                run.record,
                patience=PATIENCE,
                turn=self._waiting.turn(task),
                ended=lambda outcome: ended(run, outcome),
            )
        except Exception as error:
            ended(run, self._broken(task.id, error))

    def write_endings(
        self, ended: Collection[tuple[Run, Outcome]], *, then_claim: int = 0
    ) -> list[Task]:
        """Writes the endings with their logs, and claims so many tasks; all in one transaction."""
        now = self._clock.now()
        if not ended:
            return self._queue.claim(then_claim, now) if then_claim else []
        with self._journal.writing([run.record for run, _ in ended]):
            endings = [
                self._end(run.task, ending.of_queued(run.task, outcome, run.policy), now)
                for run, outcome in ended
            ]
            claimed = self._queue.claim(then_claim, now) if then_claim else []
        for run, _ in ended:
            self._running.discard(run.task.id)
        for _, notice in endings:
            self._notices.publish(notice)
        return claimed

    def keep_ending(self, run: Run, outcome: Outcome, problem: Exception) -> None:
        """It cannot be written now, because of `problem`. Until it is, the task counts as running:
        the rescuer must not take a task whose end is known."""
        write = partial(self.write_endings, [(run, outcome)])
        self._unwritten.keep(run.task.id, write, problem)

    def run_directly(
        self, task: Task, function: Function, patience: float
    ) -> tuple[Outcome, Task | None]:
        """Runs a task whose caller waits; also the task as it ended, None if its claim was lost, or
        while that cannot be written: the caller has the result all the same."""
        record = self._journal.open(task.id)
        self._running.add(task.id)
        outcome = self.invoke(record, function, task_json.to_json(task), patience)
        decision, now = ending.of_direct(outcome), self._clock.now()
        ended: Task | None = None

        def write() -> None:
            nonlocal ended
            with self._journal.writing([record]):
                ended, notice = self._end(task, decision, now)
            self._running.discard(task.id)
            self._notices.publish(notice)

        self._unwritten.write_or_keep(task.id, write)
        return outcome, ended

    def invoke(
        self,
        record: LogBuffer,
        function: Function,
        event: Any,
        patience: float,
        *,
        max_event: int = MAX_EVENT,
        call: Call | None = None,
    ) -> Outcome:
        """Invokes a function and waits; its log goes to `record`.

        `event` is a JSON value, or the bytes of one, which stay as they are. Whatever goes wrong in
        here becomes its failure.
        """
        if not function.enabled:
            return _disabled(function)
        try:
            text = event if isinstance(event, bytes) else _encoded(event)
            return self._invoker.invoke(
                function, text, record, patience=patience, max_event=max_event, call=call
            )
        except Exception as error:
            return self._broken(record.owner_id, error)

    def _end(self, task: Task, verdict: Ending, now: datetime) -> tuple[Task | None, Notice]:
        """Also the notice that is true when this is committed."""
        ended = self._queue.end(task, verdict, now)
        if ended is None:
            return None, ClaimLost(task=task.id, function=task.function_name)
        error = None if verdict.error is None else verdict.error.name
        kind = _NOTICES[verdict.move]
        return ended, kind(task=task.id, function=task.function_name, error=error)

    def _broken(self, id: str, error: Exception) -> Failure:
        self._notices.publish(InvocationBroke(id=id, error=repr(error)))
        return broken(error)


def _disabled(function: Function) -> Failure:
    return not_started("FunctionDisabled", f"the function '{function.name}' is disabled")


def _encoded(event: Any) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()
