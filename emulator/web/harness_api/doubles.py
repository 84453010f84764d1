"""/taskdock/doubles: answers in place of services that are not here, and the calls they had."""

from __future__ import annotations

from typing import Annotated, Any, TypedDict, cast

from flask import request
from pydantic import Field

from taskdock.base.errors import BadDouble, BadField, IllegalState, NotFound
from taskdock.base.strict_json import Json, present
from taskdock.web.common import listing, requests
from taskdock.web.common.listing import AffectedRecordsJson
from taskdock.web.common.requests import Wire
from taskdock.web.doubles.call_log import AnsweredCall, CallJson, to_json
from taskdock.web.doubles.doubles import Double
from taskdock.web.doubles.fall_through import DoubleParts
from taskdock.web.harness_api.endpoint import endpoint

_UNMATCHED: Json = {
    "name": "unmatched",
    "in": "query",
    "description": "true: only the calls that no double was for",
    "schema": {"type": "string", "enum": ["true", "false"]},
}
_DOUBLE: Json = {
    "name": "double",
    "in": "query",
    "description": "the id of a double: only the calls that it has answered",
    "schema": {"type": "string"},
}


class NewDouble(Wire):
    """For the description: `rules.reading` and `collection` read it."""

    path: str
    method: str | None = None
    query: dict[str, Any] | None = None
    rql: str | None = None
    headers: dict[str, str] | None = None
    body: Any = None
    answer: dict[str, Any] | None = None
    answers: list[dict[str, Any]] | None = None
    times: Annotated[int, Field(ge=1)] | None = None
    description: str | None = None
    collection: str | None = None
    wrap: str | None = None
    items: dict[str, Any] | list[dict[str, Any]] | None = None


class DoubleJson(TypedDict):
    """The other keys are those that it was written with."""

    id: str
    used: int
    file: str | None
    path: str | None
    method: str | None
    query: Any | None
    rql: str | None
    headers: Any | None
    body: Any | None
    answer: Any | None
    answers: list[Any] | None
    times: int | None
    description: str | None
    collection: str | None
    wrap: str | None
    defaults: Any | None
    items: Any | None


class DoublesJson(TypedDict):
    data: list[DoubleJson]


class CallsJson(TypedDict):
    data: list[CallJson]


class DoubleViews:
    def __init__(self, parts: DoubleParts) -> None:
        self._parts = parts

    @endpoint(
        "GET",
        "/taskdock/doubles",
        summary="List the doubles, in the order in which they are asked",
        answer=DoublesJson,
    )
    def find(self) -> DoublesJson:
        return {"data": [_to_json(double) for double in self._parts.doubles.list()]}

    @endpoint(
        "POST",
        "/taskdock/doubles",
        summary="Answer calls of services that are not here",
        answer=DoubleJson,
        body=NewDouble,
        example={
            "method": "GET",
            "path": "/data/v1/{schema}/documents",
            "rql": "eq(id,67a1f0c2d3e4f5a6b7c8d9e0)",
            "answer": {"status": 200, "json": {"data": []}},
        },
        errors=(BadDouble,),
    )
    def add(self) -> DoubleJson:
        return _to_json(self._parts.doubles.add(requests.read_object(request.get_data())))

    @endpoint(
        "DELETE",
        "/taskdock/doubles",
        summary="Remove the doubles that were added, and forget the calls",
        answer=AffectedRecordsJson,
    )
    def clear(self) -> AffectedRecordsJson:
        return listing.affected(self._parts.doubles.clear())

    @endpoint(
        "GET",
        "/taskdock/doubles/calls",
        summary="List the latest calls of services that are not here, the oldest first",
        answer=CallsJson,
        parameters=(_DOUBLE, _UNMATCHED),
        errors=(BadField,),
    )
    def calls(self) -> CallsJson:
        double = request.args.get("double")
        unmatched = requests.truth("unmatched", request.args.get("unmatched"))

        def wanted(each: AnsweredCall) -> bool:
            return double in (None, each.double) and (not unmatched or each.double is None)

        return {"data": [to_json(each) for each in self._parts.doubles.calls.find(wanted)]}

    @endpoint(
        "GET",
        "/taskdock/doubles/<double_id>",
        summary="Show a double",
        answer=DoubleJson,
        errors=(NotFound,),
    )
    def get(self, double_id: str) -> DoubleJson:
        return _to_json(self._parts.doubles.get(double_id))

    @endpoint(
        "DELETE",
        "/taskdock/doubles/<double_id>",
        summary="Remove a double",
        answer=AffectedRecordsJson,
        errors=(NotFound, IllegalState),
    )
    def remove(self, double_id: str) -> AffectedRecordsJson:
        self._parts.doubles.remove(double_id)
        return listing.affected()


def _to_json(double: Double) -> DoubleJson:
    shown = {"id": double.id, "used": double.used, "file": double.file}
    return cast(DoubleJson, {**double.source, **present(shown)})
