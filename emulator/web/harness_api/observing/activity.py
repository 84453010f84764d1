"""/taskdock/activity: tasks, API requests and invocations in one list; and families of tasks."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TypedDict

from flask import request
from pydantic import TypeAdapter, ValidationError

from taskdock.base import errors
from taskdock.base.errors import BadField, BadQuery
from taskdock.base.strict_json import Json, present
from taskdock.store.query.model import Condition
from taskdock.tasks.model.task import Status
from taskdock.tasks.runs.activity import (
    MOST,
    Activity,
    ActivityKind,
    ActivityQuery,
    ActivityRowJson,
    place,
)
from taskdock.tasks.runs.family import Families, FamilyJson
from taskdock.web.common import requests
from taskdock.web.common.descriptions import BY_ID
from taskdock.web.common.requests import Moment
from taskdock.web.common.rql import parser as rql
from taskdock.web.harness_api.endpoint import endpoint

_USUAL = 50
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


def _parameter(name: str, about: str, **schema: object) -> Json:
    schema = schema or {"type": "string"}
    return {"name": name, "in": "query", "schema": schema, "description": about}


class ActivityJson(TypedDict):
    data: list[ActivityRowJson]
    """The newest first."""
    older: str | None
    """To go on from, as `before`."""
    newer: str | None
    """To go back from, as `after`."""


class ActivityViews:
    def __init__(self, activity: Activity, families: Families) -> None:
        self._activity = activity
        self._families = families

    @endpoint(
        "GET",
        "/taskdock/activity",
        summary="Tasks, API requests and invocations in one list, the newest first",
        answer=ActivityJson,
        parameters=(
            _parameter("kind", "of this kind alone", enum=[each.value for each in ActivityKind]),
            _parameter("status", "with this status alone", enum=[each.value for each in Status]),
            _parameter("functionName", "of this function alone"),
            _parameter("failed", "those that failed, also where they were retried", type="boolean"),
            _parameter("since", "created then or later", type="string", format="date-time"),
            _parameter("until", "created before", type="string", format="date-time"),
            _parameter("rql", "tasks that this is true of, as in the lists of tasks"),
            _parameter("before", "older ones: the `older` of an answer"),
            _parameter("after", "newer ones: the `newer` of an answer"),
            _parameter("limit", f"{_USUAL} unless given", type="integer", minimum=1, maximum=MOST),
        ),
        errors=(errors.BadField, errors.BadQuery),
    )
    def find(self) -> ActivityJson:
        return find(self._activity, request.args)

    @endpoint(
        "GET",
        "/taskdock/activity/<row_id>",
        summary="One task, API request or invocation, as the list has it",
        answer=ActivityRowJson,
        errors=BY_ID,
    )
    def get(self, row_id: str) -> ActivityRowJson:
        return self._activity.get(row_id)

    @endpoint(
        "GET",
        "/taskdock/tasks/<task_id>/family",
        summary="The attempts of a task, who created it, and the tasks that it created",
        answer=FamilyJson,
        errors=BY_ID,
    )
    def family(self, task_id: str) -> FamilyJson:
        return self._families.of(task_id)


def find(
    activity: Activity, given: Mapping[str, str], *, without: Collection[ActivityKind] = ()
) -> ActivityJson:
    """The page that these parameters ask for, but for some kinds. Raises `BadField` or
    `BadQuery`."""
    page = activity.page(
        ActivityQuery(
            kind=_kind(given.get("kind")),
            without=frozenset(without),
            status=given.get("status") or None,
            function=given.get("functionName") or None,
            failed=requests.truth("failed", given.get("failed")),
            since=_moment("since", given.get("since")),
            until=_moment("until", given.get("until")),
            where=_where(given.get("rql")),
            before=place("before", given.get("before")),
            after=place("after", given.get("after")),
            limit=_limit(given.get("limit")),
        )
    )
    shown: ActivityJson = {"data": page.rows, "older": page.older, "newer": page.newer}
    return present(shown)


def _kind(text: str | None) -> ActivityKind | None:
    try:
        return ActivityKind(text) if text else None
    except ValueError:
        known = ", ".join(kind.value for kind in ActivityKind)
        raise BadField(f"kind: there is no '{text}'; there are {known}") from None


def _moment(name: str, text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return _MOMENT.validate_python(text)
    except ValidationError:
        raise BadField(f"{name}: '{text[:40]}' is no time such as 2026-01-02T03:04:05Z") from None


def _where(text: str | None) -> Condition | None:
    if not text or not text.strip():
        return None
    query = rql.parse(text.strip())
    if query.sort or query.select or query.offset or "limit(" in text:
        raise BadQuery("RQL: this list has an order and pages of its own: write conditions alone")
    return query.where


def _limit(text: str | None) -> int:
    if not text:
        return _USUAL
    if not text.isdecimal() or not 1 <= int(text[:9]) <= MOST:
        raise BadField(f"limit: '{text[:40]}' is no whole number from 1 to {MOST}")
    return int(text)
