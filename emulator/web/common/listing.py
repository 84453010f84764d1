"""What every list answers: the query as it came, the page that was chosen, and what is on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol, TypeVar

from flask import request

from emulator.base.timing.clock import to_iso
from emulator.lambdas.log_line import LogLine
from emulator.store.query.model import Query, project
from emulator.web.common import rql


class Read(Protocol):
    """Finds log lines, in their order."""

    def __call__(self, *, since: datetime | None, limit: int, offset: int) -> list[LogLine]: ...


Item = TypeVar("Item")
Find = Callable[[Query], "tuple[Sequence[Item], int | None]"]


def answer(find: Find[Item], to_json: Callable[[Item], dict[str, Any]]) -> dict[str, Any]:
    """The page that the current request asks for. Raises `BadQuery`."""
    text = request.query_string.decode("latin-1")
    query = rql.parse(text)
    found, total = find(query)
    page = {"total": total, "offset": query.offset, "limit": query.limit}
    return {
        "query": text,
        "page": {key: value for key, value in page.items() if value is not None},
        "data": [project(to_json(item), query.select) for item in found],
    }


def log(read: Read) -> dict[str, Any]:
    """The log lines that the current request asks for. Raises `BadQuery`."""
    query = rql.parse_logs(request.query_string.decode("latin-1"))
    lines = read(since=query.since, limit=query.limit, offset=query.offset)
    return {
        "page": {"offset": query.offset, "limit": query.limit},
        "data": [{"timestamp": to_iso(line.timestamp), "message": line.message} for line in lines],
    }
