"""Service events and subscriptions as values, and which subscriber is told of an event. Pure.

A service event is a fact that the service publishes, such as task_failed. Callers, subscribed
functions (in their task's data) and webhooks all receive the same JSON of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from taskdock.tasks.model.task import Task

TASK_FAILED = "task_failed"
TYPES = (TASK_FAILED,)


@dataclass(frozen=True, kw_only=True)
class ServiceEvent:
    id: str
    type: str
    content: dict[str, Any]
    creation_timestamp: datetime
    update_timestamp: datetime


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """A subscriber and its types of events: a function, or a webhook at `url`."""

    id: str
    event_types: tuple[str, ...]
    function_name: str | None = None
    url: str | None = None
    from_loopback: bool = False
    """The subscription was made on this machine: its webhook may be there too."""
    creation_timestamp: datetime
    update_timestamp: datetime


def of_failure(id: str, task: Task) -> ServiceEvent:
    """The task_failed of a task that has just become `failed`."""
    error = task.error
    content: dict[str, Any] = {"id": task.id, "functionName": task.function_name}
    if error is not None:
        content["error"] = error.to_json()
    return ServiceEvent(
        id=id,
        type=TASK_FAILED,
        content=content,
        creation_timestamp=task.update_timestamp,
        update_timestamp=task.update_timestamp,
    )


def is_notified(subscription: Subscription, event: ServiceEvent, cause: Task) -> bool:
    """Whether a subscriber is told of an event that is about the task `cause`.

    The failure of a task that was made for an event is told to no function. Otherwise a subscribed
    function that fails would be called for its own failure without an end, as would two in turns.
    """
    if event.type not in subscription.event_types:
        return False
    return subscription.function_name is None or cause.event_id is None
