"""Tasks and service events as JSON, for callers, webhooks and functions alike. Pure.

A function receives the task itself as its event. Keys are the Task Service's; what is not set is
left out.
"""

from __future__ import annotations

from typing import Annotated, Any, TypedDict, cast

from taskdock.base.strict_json import IsoTime, Json, ObjectId, SchemaPart, one_of, present
from taskdock.base.timing.clock import to_iso
from taskdock.tasks.model.subscription import ServiceEvent
from taskdock.tasks.model.task import Status, Task, TaskErrorJson


class TaskJson(TypedDict):
    id: ObjectId
    functionName: str
    status: Annotated[str, one_of(*Status)]
    statusChangedTimestamp: IsoTime
    startTimestamp: IsoTime
    priority: int
    creationTimestamp: IsoTime
    updateTimestamp: IsoTime
    data: Json | None
    tags: list[str] | None
    createdByApplicationId: ObjectId | None
    createdByUserId: ObjectId | None
    retriedByTaskId: ObjectId | None
    retryForTaskIds: list[ObjectId] | None
    error: TaskErrorJson | None


class TaskWithResultJson(TaskJson):
    result: Annotated[Any, SchemaPart(description="what the function returned; not stored")]


class EventContentJson(TypedDict):
    id: ObjectId
    functionName: str
    error: TaskErrorJson | None


class EventJson(TypedDict):
    id: ObjectId
    type: str
    content: EventContentJson
    creationTimestamp: IsoTime
    updateTimestamp: IsoTime


def to_json(task: Task) -> TaskJson:
    shown: TaskJson = {
        "id": task.id,
        "functionName": task.function_name,
        "status": task.status.value,
        "statusChangedTimestamp": to_iso(task.status_changed_timestamp),
        "data": task.data,
        "tags": None if task.tags is None else list(task.tags),
        "startTimestamp": to_iso(task.start_timestamp),
        "priority": task.priority,
        "createdByApplicationId": task.created_by_application_id,
        "createdByUserId": task.created_by_user_id,
        "creationTimestamp": to_iso(task.creation_timestamp),
        "updateTimestamp": to_iso(task.update_timestamp),
        "retriedByTaskId": task.retried_by_task_id,
        "retryForTaskIds": list(task.retry_for_task_ids) or None,
        "error": None if task.error is None else task.error.to_json(),
    }
    return present(shown)


def event_to_json(event: ServiceEvent) -> EventJson:
    return {
        "id": event.id,
        "type": event.type,
        "content": cast("EventContentJson", event.content),
        "creationTimestamp": to_iso(event.creation_timestamp),
        "updateTimestamp": to_iso(event.update_timestamp),
    }
