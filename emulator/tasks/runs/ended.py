"""Runs that have ended lately, in memory: what became of them, without asking the database."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict, deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock, from_epoch
from taskdock.lambdas.invoke.run_record import RunKind
from taskdock.lambdas.notices import InvocationEnded
from taskdock.store.database import Store
from taskdock.tasks.model.notices import (
    ServerReset,
    TaskCompleted,
    TaskEnded,
    TaskFailed,
    TaskRetried,
)
from taskdock.tasks.model.task import Status

MOST = 100  # that are kept
_RESULTS = {
    TaskCompleted: Status.COMPLETE,
    TaskFailed: Status.FAILED,
    TaskRetried: Status.RETRIED,
}
_WAITING = 500  # tasks that have run and whose ending is not written yet
_BEFORE = """SELECT run.id, at, kind, task_id, request_id, run.function_name, run.error, duration,
    cold, task.status FROM run LEFT JOIN task ON task.id = task_id ORDER BY sequence DESC LIMIT ?"""


@dataclass(frozen=True, kw_only=True)
class EndedRunFacts:
    at: datetime
    """When it ended."""
    kind: str
    """As `RunKind` has them."""
    task_id: str | None
    request_id: str | None
    """None: no environment has had it."""
    function: str
    result: Status
    error: str | None
    """The name of the error."""
    milliseconds: float | None
    cold: bool


_Heard = tuple[InvocationEnded, datetime, Status, str | None]
"""The arguments of `_facts`: nothing is made of a call while it runs."""


class EndedLately:
    """For any thread."""

    def __init__(self, *, store: Store, clock: Clock, notices: Notices) -> None:
        """Begins with the runs of an earlier server. Raises `StorageError`."""
        self._now = clock.now
        self._lock = threading.Lock()
        self._ended: deque[EndedRunFacts | _Heard] = deque(
            map(_of_row, store.rows(_BEFORE, (MOST,))), MOST
        )
        self._unwritten: OrderedDict[str, InvocationEnded] = OrderedDict()  # by task
        notices.subscribe(InvocationEnded, self._ran)
        notices.subscribe(TaskEnded, self._task_ended)
        notices.subscribe(ServerReset, self._forget)

    def latest(self, limit: int) -> list[EndedRunFacts]:
        """The newest first."""
        with self._lock:
            found = list(self._ended)[:limit]
        return [each if isinstance(each, EndedRunFacts) else _facts(*each) for each in found]

    def _ran(self, ran: InvocationEnded) -> None:
        """A task has its result when its ending is written."""
        with self._lock:
            task = ran.past.call.task_id
            if task is not None:
                self._unwritten[task] = ran
                if len(self._unwritten) > _WAITING:
                    self._unwritten.popitem(last=False)
                return
            result = Status.COMPLETE if ran.past.error is None else Status.FAILED
            self._ended.appendleft((ran, self._now(), result, None))

    def _task_ended(self, ended: TaskEnded) -> None:
        with self._lock:
            ran = self._unwritten.pop(ended.task, None)
            result = _RESULTS.get(type(ended))
            if result is None:  # it is new again
                return
            now = self._now()
            if ran is not None:
                self._ended.appendleft((ran, now, result, ended.error))
                return
            self._ended.appendleft(
                EndedRunFacts(
                    at=now,
                    kind=RunKind.TASK.value,
                    task_id=ended.task,
                    request_id=None,
                    function=ended.function or "",
                    result=result,
                    error=ended.error,
                    milliseconds=None,
                    cold=False,
                )
            )

    def _forget(self, _: ServerReset) -> None:
        with self._lock:
            self._ended.clear()
            self._unwritten.clear()


def _facts(
    ran: InvocationEnded, at: datetime, result: Status, error: str | None = None
) -> EndedRunFacts:
    call = ran.past.call
    return EndedRunFacts(
        at=at,
        kind=call.kind,
        task_id=call.task_id,
        request_id=call.request_id,
        function=ran.function,
        result=result,
        error=error or ran.past.error,
        milliseconds=round(ran.past.milliseconds, 2),
        cold=call.cold,
    )


def _of_row(row: tuple[Any, ...]) -> EndedRunFacts:
    _, at, kind, task_id, request_id, function, error, duration, cold, status = row
    result = Status.COMPLETE if error is None else Status.FAILED
    return EndedRunFacts(
        at=from_epoch(at) + timedelta(milliseconds=duration or 0),
        kind=kind,
        task_id=task_id,
        request_id=request_id,
        function=function,
        result=Status(status) if status in (Status.RETRIED, Status.FAILED) else result,
        error=None if error is None else json.loads(error).get("name"),
        milliseconds=duration,
        cold=bool(cold),
    )
