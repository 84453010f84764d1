"""Tasks and service events as JSON, for callers, webhooks and functions alike. Pure.

A function receives the task itself as its event. Keys are the Task Service's; what is not set is
left out.
"""

from __future__ import annotations

from typing import Any

from emulator.base.timing.clock import to_iso
from emulator.tasks.model.subscription import ServiceEvent
from emulator.tasks.model.task import Task


def to_json(task: Task) -> dict[str, Any]:
    error = task.error
    shown: dict[str, Any] = {
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
        "error": error and {"type": error.type.value, "name": error.name, "message": error.message},
    }
    return {key: value for key, value in shown.items() if value is not None}


def event_to_json(event: ServiceEvent) -> dict[str, Any]:
    return {
        "id": event.id,
        "type": event.type,
        "content": event.content,
        "creationTimestamp": to_iso(event.creation_timestamp),
        "updateTimestamp": to_iso(event.update_timestamp),
    }
