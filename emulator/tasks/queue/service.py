"""The Task Service's verbs for tasks: create, cancel, find, execute directly, read logs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from taskdock.base import ids, strict_json
from taskdock.base.errors import (
    FunctionFailed,
    IllegalState,
    InvocationFailed,
    NoLogs,
    NotFound,
    TimeLimitTooLong,
    TooManyExecutions,
    Unavailable,
)
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.limits import Limits
from taskdock.identity.account import NOBODY, Account
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.lambdas.functions.function import DIRECT_TIME_LIMIT
from taskdock.lambdas.log_line import LogLine
from taskdock.lambdas.outcome import Answer, Cause
from taskdock.store.query.model import Query
from taskdock.tasks.logs.log_store import LogBuffer, LogStore
from taskdock.tasks.model import checks
from taskdock.tasks.model.notices import ExecutionBegan, TaskCanceled, TaskCreated
from taskdock.tasks.model.task import Task, new_task
from taskdock.tasks.queue.queue import Queue
from taskdock.tasks.queue.runner import Runner


@dataclass(frozen=True)
class Executed:
    """A task that was executed directly, and what its function returned."""

    task: Task
    result: Any


class Service:
    def __init__(
        self,
        *,
        queue: Queue,
        log_store: LogStore,
        catalog: Catalog,
        runner: Runner,
        direct: threading.Semaphore,
        wake: Callable[[], None],
        clock: Clock,
        notices: Notices,
        limits: Limits = Limits(),  # noqa: B008 - frozen
    ) -> None:
        """`wake` is called when a new task waits; `direct` limits direct executions."""
        self._patience = limits.patience
        self._queue = queue
        self._log_store = log_store
        self._catalog = catalog
        self._runner = runner
        self._direct = direct
        self._wake = wake
        self._clock = clock
        self._notices = notices

    def create(
        self,
        *,
        function_name: str,
        data: dict[str, Any] | None = None,
        tags: Sequence[str] | None = None,
        start: datetime | None = None,
        priority: int | None = None,
        by: Account = NOBODY,
        created_by_task_id: str | None = None,
    ) -> Task:
        """A new task, made `by` an account; in the run of `created_by_task_id`, if a function is
        its caller.

        As with the real service, that its function exists is seen when it runs.
        """
        if priority is None:
            priority = self._catalog.default_priority(function_name)
        task = self._new_task(
            function_name,
            data,
            priority=priority,
            by=by,
            tags=tags,
            start=start,
            created_by_task_id=created_by_task_id,
        )
        self._queue.enqueue(task)
        self._notices.publish(TaskCreated(task=task.id, function=function_name))
        self._wake()
        return task

    def find(self, query: Query) -> tuple[list[Task], int | None]:
        """One page of tasks, and how many there are in all. Raises `BadQuery`."""
        return self._queue.find(query)

    def cancel(self, task_id: str) -> None:
        """Raises `BadId`, `NotFound`, or `IllegalState` when it is not new any more."""
        self._queue.cancel(checks.object_id(task_id), self._clock.now())
        self._notices.publish(TaskCanceled(task=task_id))

    def execute(
        self,
        function_name: str,
        data: dict[str, Any] | None,
        *,
        by: Account = NOBODY,
        created_by_task_id: str | None = None,
    ) -> Executed:
        """Runs a function now and waits for its result; `created_by_task_id` as for `create`.

        Raises `NotFound`, `TimeLimitTooLong`, `TooManyExecutions`, `InvocationFailed` when it could
        not be started, `Unavailable` when nothing can be, and `FunctionFailed`.
        """
        self._runner.check_open()
        function = self._catalog.get(function_name)
        if function.time_limit > DIRECT_TIME_LIMIT:
            raise TimeLimitTooLong
        if not function.enabled:
            raise InvocationFailed(f"the function '{function_name}' is disabled")
        if not self._direct.acquire(blocking=False):
            raise TooManyExecutions
        try:
            task = self._new_task(
                function_name,
                data,
                priority=0,
                by=by,
                created_by_task_id=created_by_task_id,
                direct=True,
            )
            task, log = self._enqueue_claimed(task)
            self._notices.publish(ExecutionBegan(task=task.id, function=function_name))
            outcome, ended = self._runner.run_directly(task, function, log, self._patience)
        finally:
            self._direct.release()
        if isinstance(outcome, Answer):
            return Executed(ended or self._stored(task), _result(outcome.body))
        if outcome.cause in (Cause.STOPPED, Cause.UNAVAILABLE):
            raise Unavailable(f"{outcome.name}: {outcome.message}")
        if outcome.cause is Cause.THROTTLED:
            raise TooManyExecutions
        if outcome.cause.is_of_invocation:
            raise InvocationFailed(f"{outcome.name}: {outcome.message}")
        raise FunctionFailed(
            task_id=task.id, error_name=outcome.name, error_message=outcome.message
        )

    def logs(
        self, task_id: str, *, since: datetime | None, limit: int, offset: int
    ) -> list[LogLine]:
        """Raises `BadId`, `NotFound`, `IllegalState` when it has not run, `NoLogs` for none."""
        checks.object_id(task_id)
        lines = self._log_store.read(task_id, since=since, limit=limit, offset=offset)
        task = self._queue.get(task_id)  # behind the lines: both may be removed in between
        if not lines and task.claim == 0:
            raise IllegalState(
                "this task has not run yet; there are logs only after a task has run"
            )
        if not lines:
            raise NoLogs
        return lines

    def function_logs(
        self, name: str, *, since: datetime, until: datetime, limit: int, offset: int
    ) -> tuple[list[LogLine], int]:
        """Lines of its tasks and API requests, and how many there are. Raises `NotFound`."""
        self._catalog.get(name)
        return self._log_store.read_function(
            name, since=since, until=until, limit=limit, offset=offset
        )

    def _enqueue_claimed(self, task: Task) -> tuple[Task, LogBuffer]:
        """The task and its log are of one time: a reset comes before both, or behind both."""
        with self._log_store.opening(task.id) as log:
            task = self._queue.enqueue_claimed(task, self._clock.now())
            self._runner.expect([task.id])  # before the rescuer can have its turn
            return task, log

    def _stored(self, task: Task) -> Task:
        """The task as it is now, or as it was where a reset has removed it."""
        try:
            return self._queue.get(task.id)
        except NotFound:
            return task

    def _new_task(
        self,
        function_name: str,
        data: dict[str, Any] | None,
        *,
        priority: int,
        by: Account,
        tags: Sequence[str] | None = None,
        start: datetime | None = None,
        created_by_task_id: str | None = None,
        direct: bool | None = None,
    ) -> Task:
        now = self._clock.now()
        return new_task(
            id=ids.object_id(now),
            function_name=function_name,
            data=data,
            tags=None if tags is None else tuple(tags),
            start=start or now,
            now=now,
            priority=priority,
            application_id=by.application_id,
            user_id=by.user_id,
            created_by_task_id=created_by_task_id,
            direct=direct,
        )


def _result(body: bytes) -> Any:
    """The function's result; text where it is not JSON (a custom runtime may answer anything)."""
    try:
        return strict_json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
