"""The answers of lists: the query as it came, the page that was chosen, and the items on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol, TypedDict, TypeVar

from flask import request

from taskdock.base.strict_json import IsoTime, Json, present
from taskdock.base.timing.clock import to_iso
from taskdock.lambdas.log_line import LogLine
from taskdock.store.query.model import Query, project
from taskdock.web.common.rql import parser as rql


class LogLineJson(TypedDict):
    timestamp: IsoTime
    message: str


class AffectedRecordsJson(TypedDict):
    """The answer of an endpoint that changes or removes: how many rows it has changed."""

    affectedRecords: int


class ReadLines(Protocol):
    """Finds log lines, in their order."""

    def __call__(self, *, since: datetime | None, limit: int, offset: int) -> list[LogLine]: ...


Item = TypeVar("Item")
Find = Callable[[Query], "tuple[Sequence[Item], int | None]"]


def answer(find: Find[Item], to_json: Callable[[Item], Mapping[str, Any]]) -> Json:
    """The page that the current request asks for. Raises `BadQuery`."""
    text = request.query_string.decode("latin-1")
    query = rql.parse(text)
    found, total = find(query)
    return {
        "query": text,
        "page": present({"total": total, "offset": query.offset, "limit": query.limit}),
        "data": [project(dict(to_json(item)), query.select) for item in found],
    }


def whole(items: Sequence[Mapping[str, Any]]) -> Json:
    """One page with all items, whatever the current request asks for; without its query."""
    page = {"total": len(items), "offset": 0, "limit": len(items)}
    return {"page": page, "data": items}


def log(read: ReadLines) -> Json:
    """The log lines that the current request asks for. Raises `BadQuery`."""
    query = rql.parse_logs(request.query_string.decode("latin-1"))
    lines = read(since=query.since, limit=query.limit, offset=query.offset)
    return {
        "page": {"offset": query.offset, "limit": query.limit},
        "data": [line_json(line) for line in lines],
    }


def line_json(line: LogLine) -> LogLineJson:
    return {"timestamp": to_iso(line.timestamp), "message": line.message}


def affected(records: int = 1) -> AffectedRecordsJson:
    return {"affectedRecords": records}
