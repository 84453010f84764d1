"""The columns that a query may name, table by table, under their wire names: an allow-list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, TypeAlias

from emulator.base.errors import BadQuery
from emulator.store.query.model import Path
from emulator.store.tables import (
    ApiRequestRow,
    EventRow,
    ScheduleRow,
    SubscriptionRow,
    TagRow,
    TaskRow,
)

Sql: TypeAlias = Any  # a piece of a statement: peewee has no types


class Kind(Enum):
    """The kind of a column's values, and so of the values that it can match."""

    TEXT = (str,)
    NUMBER = (int, float)
    MOMENT = (datetime,)
    JSON = ()


@dataclass(frozen=True)
class Field:
    """A column under its wire name; `elements` is a table that repeats its array, row by row."""

    column: Sql
    kind: Kind = Kind.TEXT
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
        if len(path) > 1 and field.kind is not Kind.JSON:
            raise BadQuery(f"RQL: {path[0]!r} has nothing inside, so not {'.'.join(path)[:80]!r}")
        return field


TASK_FIELDS = Fields(
    {
        "id": Field(TaskRow.id),
        "functionName": Field(TaskRow.function_name),
        "status": Field(TaskRow.status),
        "statusChangedTimestamp": Field(TaskRow.status_changed_timestamp, Kind.MOMENT),
        "data": Field(TaskRow.data, Kind.JSON),
        "tags": Field(TaskRow.tags, Kind.JSON, Elements(TagRow.task_id, TagRow.tag)),
        "startTimestamp": Field(TaskRow.start_timestamp, Kind.MOMENT),
        "priority": Field(TaskRow.priority, Kind.NUMBER),
        "createdByApplicationId": Field(TaskRow.created_by_application_id),
        "createdByUserId": Field(TaskRow.created_by_user_id),
        "creationTimestamp": Field(TaskRow.creation_timestamp, Kind.MOMENT),
        "updateTimestamp": Field(TaskRow.update_timestamp, Kind.MOMENT),
        "retriedByTaskId": Field(TaskRow.retried_by_task_id),
        "retryForTaskIds": Field(TaskRow.retry_for_task_ids, Kind.JSON),
        "error": Field(TaskRow.error, Kind.JSON),
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
        "timestamp": Field(ApiRequestRow.timestamp, Kind.MOMENT),
        "statusCode": Field(ApiRequestRow.status_code, Kind.NUMBER),
        "duration": Field(ApiRequestRow.duration, Kind.NUMBER),
        "error": Field(ApiRequestRow.error, Kind.JSON),
    },
    order="timestamp",
)

SCHEDULE_FIELDS = Fields(
    {
        "id": Field(ScheduleRow.id),
        "interval": Field(ScheduleRow.interval, Kind.NUMBER),
        "functionName": Field(ScheduleRow.function_name),
        "data": Field(ScheduleRow.data, Kind.JSON),
        "priority": Field(ScheduleRow.priority, Kind.NUMBER),
        "startTimestamp": Field(ScheduleRow.start_timestamp, Kind.MOMENT),
        "nextTimestamp": Field(ScheduleRow.next_timestamp, Kind.MOMENT),
        "creationTimestamp": Field(ScheduleRow.creation_timestamp, Kind.MOMENT),
        "updateTimestamp": Field(ScheduleRow.update_timestamp, Kind.MOMENT),
    },
    order="creationTimestamp",
)

EVENT_FIELDS = Fields(
    {
        "id": Field(EventRow.id),
        "type": Field(EventRow.type),
        "content": Field(EventRow.content, Kind.JSON),
        "creationTimestamp": Field(EventRow.creation_timestamp, Kind.MOMENT),
        "updateTimestamp": Field(EventRow.update_timestamp, Kind.MOMENT),
    },
    order="creationTimestamp",
)

SUBSCRIPTION_FIELDS = Fields(
    {
        "id": Field(SubscriptionRow.id),
        "eventTypes": Field(SubscriptionRow.event_types, Kind.JSON),
        "functionName": Field(SubscriptionRow.function_name),
        "url": Field(SubscriptionRow.url),
        "creationTimestamp": Field(SubscriptionRow.creation_timestamp, Kind.MOMENT),
        "updateTimestamp": Field(SubscriptionRow.update_timestamp, Kind.MOMENT),
    },
    order="creationTimestamp",
)
