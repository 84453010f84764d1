"""Tasks: queued, looked for, waited for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from taskdock.client.api import ILLEGAL_STATE, Json, equals
from taskdock.client.errors import ServiceError
from taskdock.client.follow import ENDED
from taskdock.testing.client.access import HarnessAccess
from taskdock.testing.client.steering.clock import ClockControl
from taskdock.testing.values.errors import FunctionError, NotInTime, NotSupported
from taskdock.testing.values.ids import id_of
from taskdock.testing.values.times import Length, Moment, moment_of, seconds_of
from taskdock.testing.waiting import eventually

TIMEOUT = 30.0
"""Seconds that anything is waited for, unless a test says otherwise."""

_PAGE = 50
_SECONDS_TO_ANSWER = 15.0  # more than the wait itself


@dataclass(frozen=True, kw_only=True)
class TaskHandle:
    """A task as it was when the test asked for it."""

    id: str
    function: str
    status: str
    """new, inProgress, complete, failed, retried or canceled."""
    data: Any = None
    tags: list[str] = field(default_factory=list)
    priority: int = 0
    error: FunctionError | None = None
    created: datetime
    start: datetime
    """The time from which on it may run."""
    ended: datetime | None = None
    """When it got its last status; None while it may still get another one."""
    delay: float = 0.0
    """Seconds from the end of the attempt before this one until `start`; 0 for a first attempt."""
    json: Json = field(repr=False, compare=False)
    """The task in the words of the Task Service."""
    _tasks: TaskControl = field(repr=False, compare=False)
    _attempts: list[Json] = field(repr=False, compare=False)

    @property
    def log(self) -> str:
        """The lines of its log until now, joined; empty when there is none."""
        return self._tasks.log(self.id)

    @property
    def chain(self) -> list[TaskHandle]:
        """All attempts: the first one, and a task for each retry, the oldest first."""
        return self._tasks.chain(self._attempts or self._tasks.attempts(self.json))

    def wait(self, timeout: Length = TIMEOUT) -> TaskHandle:
        """Waits until it has ended, with all its retries. Returns the last attempt.

        Raises `NotInTime` after `timeout` of real time, and `ClockStandsStill` at once
        where nothing can end while the manual clock is not moved.
        """
        return self._tasks.wait(self, timeout)

    def cancel(self) -> None:
        """Raises `ServiceError` where it is not new any more."""
        self._tasks.cancel(self.id)

    def reload(self) -> TaskHandle:
        """The task as it is now."""
        return self._tasks.get(self.id)


class TaskControl:
    """The tasks of one server."""

    def __init__(self, access: HarnessAccess, clock: ClockControl) -> None:
        self._access = access
        self._service = access.service
        self._clock = clock

    def create(
        self,
        function: str,
        data: Any = None,
        *,
        start_in: Length | None = None,
        start: Moment | None = None,
        priority: int | None = None,
        tags: Sequence[str] | None = None,
    ) -> TaskHandle:
        """Queues a task. `start_in`, `start`: it may not run earlier; it is `start_in` from the
        server's now. Raises `ServiceError` where the service refuses it; a function that does not
        exist yet it accepts, and the task fails."""
        body = {
            "functionName": function,
            "data": data,
            "startTimestamp": self._clock.starting(start_in, start),
            "priority": priority,
            "tags": None if tags is None else list(tags),
        }
        given = {name: value for name, value in body.items() if value is not None}
        return self._task(self._service.create_task(given))

    def get(self, task: TaskHandle | str) -> TaskHandle:
        """The task of this id, or this one, as it is now. Raises `UnknownTask`."""
        return self._task(self._service.task(_id(task)))

    def of(self, function: str) -> list[TaskHandle]:
        """All tasks of a function, retries too, by their start. Raises `UnknownFunction`."""
        found = self.find(equals("functionName", function))
        if not found:
            self._access.require_function(function)
        return found

    def all(self) -> list[TaskHandle]:
        """All tasks, by their start."""
        return self.find()

    def find(self, rql: str = "") -> list[TaskHandle]:
        """Those of an RQL query, such as `eq(status,failed)`, by their start."""
        found = list(self._pages(rql))
        by_id = {one["id"]: one for one in found}
        return [self._task(one, before=by_id) for one in found]

    def wait(self, task: TaskHandle | str, timeout: Length = TIMEOUT) -> TaskHandle:
        """See `TaskHandle.wait`. Raises `UnknownTask` for an id of none."""
        seconds = seconds_of(timeout)
        task = task if isinstance(task, TaskHandle) else self.get(task)
        path = f"/tasks/{task.id}/wait?timeout={seconds:g}"
        try:
            answer = self._access.call("GET", path, seconds=seconds + _SECONDS_TO_ANSWER)
            attempts, ended = answer["attempts"], answer["ended"]
        except NotSupported:
            attempts, ended = self._poll(task, seconds)
        if not ended:
            shown = "; ".join(_state(attempt) for attempt in attempts)
            raise NotInTime(
                f"task {task.id} of {task.function} has not ended within {seconds:g} s: {shown}"
            )
        return self.chain(attempts)[-1]

    def cancel(self, task: TaskHandle | str) -> None:
        """Raises `ServiceError` where it is not new any more, and `UnknownTask`."""
        self._service.cancel_task(_id(task))

    def log(self, task: TaskHandle | str) -> str:
        """See `TaskHandle.log`. Raises `UnknownTask`."""
        task_id = _id(task)
        try:
            return "\n".join(line["message"] for line in self._service.logs(task_id))
        except ServiceError as error:
            if error.code != ILLEGAL_STATE:  # it is new
                raise
            return ""

    def attempts(self, task: Json) -> list[Json]:
        """The task and its earlier and later attempts, as they are now, the oldest first."""
        last = self._service.task(task["id"])
        while next_id := last.get("retriedByTaskId"):
            last = self._service.task(next_id)
        ids = last.get("retryForTaskIds") or []
        earlier = {one["id"]: one for one in self._pages(f"in(id,{','.join(ids)})")} if ids else {}
        return [*(earlier[id] for id in ids if id in earlier), last]

    def chain(self, attempts: list[Json]) -> list[TaskHandle]:
        by_id = {one["id"]: one for one in attempts}
        return [self._task(one, before=by_id, attempts=attempts) for one in attempts]

    def _poll(self, task: TaskHandle, timeout: float) -> tuple[list[Json], bool]:
        attempts: list[Json] = []

        def ended() -> bool:
            attempts[:] = self.attempts(task.json)
            return attempts[-1]["status"] in ENDED

        try:
            return attempts, eventually(ended, within=timeout)
        except AssertionError:
            return attempts, False

    def _pages(self, rql: str) -> Iterator[Json]:
        skip = 0
        while True:
            query = f"sort(startTimestamp,creationTimestamp,id)&limit({_PAGE},{skip})"
            page = self._service.tasks(f"{rql}&{query}" if rql else query)
            yield from page
            skip += len(page)
            if len(page) < _PAGE:
                return

    def _task(
        self,
        one: Json,
        *,
        before: dict[str, Json] | None = None,
        attempts: list[Json] | None = None,
    ) -> TaskHandle:
        """`before`: JSON of other tasks by their ids, among them perhaps the earlier attempt."""
        start, delay = moment_of(one["startTimestamp"]), 0.0
        if earlier_ids := one.get("retryForTaskIds"):
            earlier = (before or {}).get(earlier_ids[-1]) or self._service.task(earlier_ids[-1])
            end = moment_of(earlier["statusChangedTimestamp"])
            delay = round((start - end).total_seconds(), 3)
        error, status = one.get("error"), one["status"]
        return TaskHandle(
            id=one["id"],
            function=one["functionName"],
            status=status,
            data=one.get("data"),
            tags=list(one.get("tags") or ()),
            priority=one.get("priority", 0),
            error=FunctionError(error["name"], error["message"]) if error else None,
            created=moment_of(one["creationTimestamp"]),
            start=start,
            ended=moment_of(one["statusChangedTimestamp"]) if status in ENDED else None,
            delay=delay,
            json=one,
            _tasks=self,
            _attempts=attempts or [],
        )


def _id(task: TaskHandle | str) -> str:
    return id_of(task, TaskHandle, "task")


def _state(task: Json) -> str:
    error = task.get("error")
    why = f" ({error['name']}: {error['message']})" if error else ""
    return f"{task['id']} {task['status']}{why}, to start at {task['startTimestamp']}"
