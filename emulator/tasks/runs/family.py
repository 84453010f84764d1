"""Families of tasks: the attempts of one, who created it, and the tasks that it created."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Annotated, Any, TypedDict

from taskdock.base.errors import NotFound
from taskdock.base.strict_json import IsoTime, ObjectId, one_of, present
from taskdock.base.timing.clock import to_iso
from taskdock.store import sql
from taskdock.store.database import Store
from taskdock.store.tables import TaskRow
from taskdock.tasks.model import checks
from taskdock.tasks.model.task import Status, Task
from taskdock.tasks.queue import rows as task_rows

MOST = 100
"""Tasks in one answer."""
_GET = sql.select(TaskRow, "WHERE id = ?")
_CREATED = sql.select(TaskRow, "WHERE created_by_task_id = ? ORDER BY id LIMIT ?")


class RelativeJson(TypedDict):
    id: ObjectId
    functionName: str
    status: Annotated[str, one_of(*Status)]
    creationTimestamp: IsoTime
    errorName: str | None
    retryOfTaskId: ObjectId | None
    """The attempt before it."""
    createdByTaskId: ObjectId | None
    """The task in whose run a function has created it."""


class FamilyJson(TypedDict):
    data: list[RelativeJson]
    """Each behind the task that it came of."""
    whole: bool
    """False: there are more than fit into an answer."""


class Families:
    """For any thread."""

    def __init__(self, *, store: Store) -> None:
        self._store = store

    def of(self, task_id: str) -> FamilyJson:
        """All that came of the first task that this one came of. Each step is an index's, and they
        are as many as tasks in the answer. Raises `BadId` or `NotFound`."""
        asked = self._find(checks.object_id(task_id))
        if asked is None:
            raise NotFound(f"there is no task {task_id}")
        found: dict[str, Task] = {}
        waiting = deque([self._first(asked)])
        whole = True
        while waiting:
            task = waiting.popleft()
            if task.id in found:
                continue
            if len(found) >= MOST:
                whole = False
                break
            found[task.id] = task
            created = self._created(task.id)
            whole = whole and len(created) <= MOST
            again = None if task.retried_by_task_id is None else self._find(task.retried_by_task_id)
            waiting.extend([*([again] if again else []), *created])
        if asked.id not in found:  # far down in a large family
            found[asked.id] = asked
        return {"data": [_json(task) for task in found.values()], "whole": whole}

    def _first(self, task: Task) -> Task:
        """The task that it came of, and so on; in an answer's worth of steps."""
        for _ in range(MOST):
            earlier = task.retry_for_task_ids[0] if task.retry_for_task_ids else None
            came_of = self._find(earlier or task.created_by_task_id)
            if came_of is None:
                break
            task = came_of
        return task

    def _created(self, id: str) -> list[Task]:
        """The tasks that it created, without their later attempts, which carry the same mark."""
        made = [task_rows.from_row(row) for row in self._store.rows(_CREATED, (id, MOST + 1))]
        return [task for task in made if not task.retry_for_task_ids]

    def _find(self, id: str | None) -> Task | None:
        rows: Sequence[tuple[Any, ...]] = [] if id is None else self._store.rows(_GET, (id,))
        return task_rows.from_row(rows[0]) if rows else None


def _json(task: Task) -> RelativeJson:
    shown: RelativeJson = {
        "id": task.id,
        "functionName": task.function_name,
        "status": task.status.value,
        "creationTimestamp": to_iso(task.creation_timestamp),
        "errorName": None if task.error is None else task.error.name,
        "retryOfTaskId": task.retry_for_task_ids[-1] if task.retry_for_task_ids else None,
        "createdByTaskId": task.created_by_task_id,
    }
    return present(shown)
