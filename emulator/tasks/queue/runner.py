"""Runs claimed tasks, for worker and direct execution: has them invoked, writes how they ended."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from taskdock.base.notices import Notice, Notices
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.limits import Limits
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.function import Function, RetryPolicy
from taskdock.lambdas.invoke.invocation import Call
from taskdock.lambdas.invoke.run_record import RunKind
from taskdock.lambdas.outcome import Outcome
from taskdock.tasks.logs.log_store import LogBuffer, LogStore
from taskdock.tasks.model import task_json
from taskdock.tasks.model.notices import (
    ClaimLost,
    TaskCompleted,
    TaskEnded,
    TaskFailed,
    TaskReleased,
    TaskRetried,
)
from taskdock.tasks.model.task import Task, TaskMove
from taskdock.tasks.queue import ending as endings
from taskdock.tasks.queue.ending import Ending
from taskdock.tasks.queue.queue import Queue
from taskdock.tasks.queue.waiting import WaitingTasks
from taskdock.tasks.work.safe_invoker import SafeInvoker
from taskdock.tasks.work.unwritten import Unwritten

_NO_RETRY = RetryPolicy()
_NOTICES: dict[TaskMove, type[TaskEnded]] = {
    TaskMove.SUCCEEDED: TaskCompleted,
    TaskMove.FAILED: TaskFailed,
    TaskMove.RETRIED: TaskRetried,
    TaskMove.RELEASED: TaskReleased,
}


@dataclass(frozen=True)
class Run:
    """A task that was begun; `policy` was its function's then, `log` takes its lines."""

    task: Task
    policy: RetryPolicy
    log: LogBuffer


@dataclass(frozen=True)
class EndedRun:
    """A run whose function has ended."""

    run: Run
    outcome: Outcome


class Runner:
    def __init__(
        self,
        *,
        queue: Queue,
        log_store: LogStore,
        catalog: Catalog,
        invoker: SafeInvoker,
        waiting: WaitingTasks,
        unwritten: Unwritten,
        clock: Clock,
        notices: Notices,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        self._queue = queue
        self._waiting = waiting
        self._unwritten = unwritten
        self._log_store = log_store
        self._catalog = catalog
        self._invoker = invoker
        self._clock = clock
        self._notices = notices
        self._limits = limits
        self._running: set[str] = set()

    def check_open(self) -> None:
        """For those whose caller waits. Raises `Unavailable` when the server stops."""
        self._invoker.check_open()

    def running(self) -> Collection[str]:
        """The ids of all tasks whose endings are still to be written."""
        return self._running.copy()

    def expect(self, ids: Collection[str]) -> None:
        """These tasks are claimed, though nobody can see it yet, and about to begin: they run from
        now on for the rescuer. A clock that tests move may jump by days before they begin."""
        self._running.update(ids)

    def begin(self, task: Task, ended: Callable[[EndedRun], None]) -> None:
        """Begins a task that this server has claimed from the queue, and returns at once.

        `ended` is called when the run has ended, on any thread, and may not block. A failure of any
        kind becomes the run's outcome. The caller then has `settling` write the ending.
        """
        try:
            self._begin(task, ended)
        except Exception:
            self._running.discard(task.id)  # so that the rescuer finds it
            raise

    def _begin(self, task: Task, ended: Callable[[EndedRun], None]) -> None:
        function = self._catalog.find(task.function_name)
        policy = _NO_RETRY if function is None else function.retry_policy
        run = Run(task, policy, self._log_store.open(task.id))
        self._invoker.begin(
            task.id,
            function,
            task_json.to_json(task),
            run.log,
            name=task.function_name,
            call=Call(kind=RunKind.TASK, task_id=task.id),
            patience=self._limits.task_patience,
            turn=self._waiting.turn(task),
            ended=lambda outcome: ended(EndedRun(run, outcome)),
        )

    @contextmanager
    def settling(self, ended: Collection[EndedRun]) -> Iterator[None]:
        """A transaction that writes the endings with their logs, and takes in what is done inside.

        When it is committed, these tasks are not running any more, and their notices are published.
        """
        now = self._clock.now()
        with self._log_store.writing([each.run.log for each in ended]):
            notices = [self._end(each.run.task, _ending(each), now) for each in ended]
            yield
        for each, (_, notice) in zip(ended, notices, strict=True):
            self._running.discard(each.run.task.id)
            self._tell(notice, each.run.log)

    def keep(self, ended: EndedRun, problem: Exception) -> None:
        """Keeps an ending that cannot be written now, because of `problem`. Until the ending is
        written, the task counts as running: the rescuer must not take a task whose end is known."""
        self._unwritten.keep(ended.run.task.id, partial(self._settle, ended), problem)

    def run_directly(
        self, task: Task, function: Function, log: LogBuffer, patience: float
    ) -> tuple[Outcome, Task | None]:
        """Runs a task whose caller waits; also the task as it ended, None if its claim was lost, or
        while that cannot be written: the caller has the result all the same."""
        outcome = self._invoker.invoke(
            task.id,
            function,
            task_json.to_json(task),
            log,
            call=Call(kind=RunKind.EXECUTION, task_id=task.id),
            patience=patience,
        )
        ending, now = endings.of_direct(outcome), self._clock.now()
        ended: Task | None = None

        def write() -> None:
            nonlocal ended
            with self._log_store.writing([log]):
                ended, notice = self._end(task, ending, now)
            self._running.discard(task.id)
            self._tell(notice, log)

        self._unwritten.write_or_keep(task.id, write)
        return outcome, ended

    def _tell(self, notice: Notice, log: LogBuffer) -> None:
        if not log.is_void:  # else a reset has removed the task
            self._notices.publish(notice)

    def _settle(self, ended: EndedRun) -> None:
        with self.settling([ended]):
            pass

    def _end(self, task: Task, ending: Ending, now: datetime) -> tuple[Task | None, Notice]:
        """The task as it ended, None where its claim was lost; and the notice that is true when
        this is committed."""
        ended = self._queue.end(task, ending, now)
        if ended is None:
            return None, ClaimLost(task=task.id, function=task.function_name)
        error = None if ending.error is None else ending.error.name
        kind = _NOTICES[ending.move]
        return ended, kind(task=task.id, function=task.function_name, error=error)


def _ending(ended: EndedRun) -> Ending:
    return endings.of_queued(ended.run.task, ended.outcome, ended.run.policy)
