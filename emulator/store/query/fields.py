"""The columns that a query may name, table by table, under their wire names: an allow-list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias

from taskdock.base.errors import BadQuery
from taskdock.store.query.model import Path
from taskdock.store.tables import (
    ApiRequestRow,
    EventRow,
    ScheduleRow,
    SubscriptionRow,
    TagRow,
    TaskRow,
)

Sql: TypeAlias = Any  # a piece of a statement: peewee has no types


class FieldKind(Enum):
    """The kind of a column's values, and so of the values that it can match."""

    TEXT = (str,)
    NUMBER = (int, float)
    MOMENT = (datetime,)
    JSON = ()


@dataclass(frozen=True)
class Field:
    """A column under its wire name; `elements` is a table that repeats its array, row by row."""

    column: Sql
    kind: FieldKind = FieldKind.TEXT
    elements: Elements | None = None


@dataclass(frozen=True)
class Elements:
    owner: Sql
    element: Sql


@dataclass(frozen=True)
class Fields:
    """The fields that a query over one table may name; `order`: by which rows come by default."""

    by_name: Mapping[str, Field]
    order: str
    key: str = "id"

    def find(self, path: Path) -> Field:
        field = self.by_name.get(path[0])
        if field is None:
            raise BadQuery(f"RQL: unknown field {path[0][:40]!r}; known: {', '.join(self.by_name)}")
        if len(path) > 1 and field.kind is not FieldKind.JSON:
            raise BadQuery(f"RQL: {path[0]!r} has nothing inside, so not {'.'.join(path)[:80]!r}")
        return field


TASK_FIELDS = Fields(
    {
        "id": Field(TaskRow.id),
        "functionName": Field(TaskRow.function_name),
        "status": Field(TaskRow.status),
        "statusChangedTimestamp": Field(TaskRow.status_changed_timestamp, FieldKind.MOMENT),
        "data": Field(TaskRow.data, FieldKind.JSON),
        "tags": Field(TaskRow.tags, FieldKind.JSON, Elements(TagRow.task_id, TagRow.tag)),
        "startTimestamp": Field(TaskRow.start_timestamp, FieldKind.MOMENT),
        "priority": Field(TaskRow.priority, FieldKind.NUMBER),
        "createdByApplicationId": Field(TaskRow.created_by_application_id),
        "createdByUserId": Field(TaskRow.created_by_user_id),
        "creationTimestamp": Field(TaskRow.creation_timestamp, FieldKind.MOMENT),
        "updateTimestamp": Field(TaskRow.update_timestamp, FieldKind.MOMENT),
        "retriedByTaskId": Field(TaskRow.retried_by_task_id),
        "retryForTaskIds": Field(TaskRow.retry_for_task_ids, FieldKind.JSON),
        "error": Field(TaskRow.error, FieldKind.JSON),
    },
    order="creationTimestamp",
)

API_REQUEST_FIELDS = Fields(
    {
        "id": Field(ApiRequestRow.id),
        "functionName": Field(ApiRequestRow.function_name),
        "method": Field(ApiRequestRow.method),
        "path": Field(ApiRequestRow.path),
        "userId": Field(ApiRequestRow.user_id),
        "applicationId": Field(ApiRequestRow.application_id),
        "timestamp": Field(ApiRequestRow.timestamp, FieldKind.MOMENT),
        "statusCode": Field(ApiRequestRow.status_code, FieldKind.NUMBER),
        "duration": Field(ApiRequestRow.duration, FieldKind.NUMBER),
        "error": Field(ApiRequestRow.error, FieldKind.JSON),
    },
    order="timestamp",
)

SCHEDULE_FIELDS = Fields(
    {
        "id": Field(ScheduleRow.id),
        "interval": Field(ScheduleRow.interval, FieldKind.NUMBER),
        "functionName": Field(ScheduleRow.function_name),
        "data": Field(ScheduleRow.data, FieldKind.JSON),
        "priority": Field(ScheduleRow.priority, FieldKind.NUMBER),
        "startTimestamp": Field(ScheduleRow.start_timestamp, FieldKind.MOMENT),
        "nextTimestamp": Field(ScheduleRow.next_timestamp, FieldKind.MOMENT),
        "creationTimestamp": Field(ScheduleRow.creation_timestamp, FieldKind.MOMENT),
        "updateTimestamp": Field(ScheduleRow.update_timestamp, FieldKind.MOMENT),
    },
    order="creationTimestamp",
)

EVENT_FIELDS = Fields(
    {
        "id": Field(EventRow.id),
        "type": Field(EventRow.type),
        "content": Field(EventRow.content, FieldKind.JSON),
        "creationTimestamp": Field(EventRow.creation_timestamp, FieldKind.MOMENT),
        "updateTimestamp": Field(EventRow.update_timestamp, FieldKind.MOMENT),
    },
    order="creationTimestamp",
)

SUBSCRIPTION_FIELDS = Fields(
    {
        "id": Field(SubscriptionRow.id),
        "eventTypes": Field(SubscriptionRow.event_types, FieldKind.JSON),
        "functionName": Field(SubscriptionRow.function_name),
        "url": Field(SubscriptionRow.url),
        "creationTimestamp": Field(SubscriptionRow.creation_timestamp, FieldKind.MOMENT),
        "updateTimestamp": Field(SubscriptionRow.update_timestamp, FieldKind.MOMENT),
    },
    order="creationTimestamp",
)
