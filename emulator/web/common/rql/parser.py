"""RQL: the text of a query string, parsed into a `store.query` value. Knows no field and no table.

https://docs.extrahorizon.com/extrahorizon/additional-resources/resource-query-language-rql

`reader` makes calls of the text, `values` says what a word stands for, and this module what each
operator means. Where the documentation leaves a choice:
- `limit` over the maximum means the maximum; below 1 it is an error.
- `limit`, `sort` and `select` may come again: the last one counts. They may stand inside `and` at
  the top, but not inside `or`, `contains` or `excludes`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from difflib import get_close_matches

from taskdock.base.errors import BadQuery
from taskdock.store.query.model import (
    And,
    Compare,
    Condition,
    Contains,
    In,
    Like,
    Not,
    Or,
    Order,
    Query,
    Sort,
)
from taskdock.web.common.rql.reader import OperatorCall, calls

MAX_SORTS = 10


@dataclass(frozen=True)
class LogQuery:
    """A selection of log lines: those from `since` on."""

    since: datetime | None
    limit: int
    offset: int


@dataclass(frozen=True)
class FunctionLogQuery:
    """A selection of log lines: those from `since` to `until`, both included."""

    since: datetime
    until: datetime
    limit: int
    offset: int


def parse(query_string: str, *, default_limit: int = 20, max_limit: int = 50) -> Query:
    """The query in `query_string`, which is percent-encoded. Raises `BadQuery`."""
    query = Query(limit=default_limit)
    conditions = []
    for call in calls(query_string):
        if call.name in _PAGING:
            query = _PAGING[call.name](query, call)
        else:
            conditions.append(_condition(call))
    return replace(query, where=_all(conditions), limit=min(query.limit, max_limit))


def parse_logs(query_string: str, *, default_limit: int = 100, max_limit: int = 1000) -> LogQuery:
    """The query of a task's or an API request's logs: ge(timestamp,...) and limit(...) alone.

    Raises `BadQuery`.
    """
    query = parse(query_string, default_limit=default_limit, max_limit=max_limit)
    ends = _ends(query, "timestamp", ("ge",))
    return LogQuery(ends.get("ge"), query.limit, query.offset)


def parse_function_logs(
    query_string: str, *, default_limit: int = 100, max_limit: int = 1000
) -> FunctionLogQuery:
    """The query of a function's logs, which needs both ends of a period of at most 24 hours.

    Raises `BadQuery`.
    """
    query = parse(query_string, default_limit=default_limit, max_limit=max_limit)
    ends = _ends(query, "eventTimestamp", ("ge", "le"))
    if len(ends) < 2:
        raise BadQuery("RQL: both eventTimestamp>=... and eventTimestamp<=... are needed here")
    if not timedelta(0) <= ends["le"] - ends["ge"] <= timedelta(hours=24):
        raise BadQuery("RQL: the period from eventTimestamp>= to <= can be 24 hours at most")
    return FunctionLogQuery(ends["ge"], ends["le"], query.limit, query.offset)


def _ends(query: Query, field: str, orders: tuple[Order, ...]) -> dict[Order, datetime]:
    """The ends of a period. Raises `BadQuery` when the query has more than these and a limit."""
    where = query.where
    conditions = where.conditions if isinstance(where, And) else (where,) if where else ()
    ends = {
        condition.order: condition.value
        for condition in conditions
        if isinstance(condition, Compare) and isinstance(condition.value, datetime)
        if condition.path == (field,) and condition.order in orders
    }
    if len(ends) < len(conditions) or query.sort or query.select or query.skip_count:
        periods = ", ".join(f"{order}({field},<date>)" for order in orders)
        raise BadQuery(f"RQL: only {periods} and limit(...), each once, can be used here")
    return ends


def _condition(call: OperatorCall) -> Condition:
    if call.name in _PAGING:
        call.fail(f"{call.name}(...) can only stand at the top")
    if call.name not in _OPERATORS:
        close = get_close_matches(call.name[:40], known := [*_OPERATORS, *_PAGING], n=1)
        advice = f"did you mean {close[0]}?" if close else f"known: {', '.join(known)}"
        call.fail(f"unknown operator {call.name[:40]!r}", advice)
    return _OPERATORS[call.name](call)


def _all(conditions: Sequence[Condition]) -> Condition | None:
    return And(tuple(conditions)) if len(conditions) > 1 else next(iter(conditions), None)


def _in(call: OperatorCall, maximum: int | None = None) -> In:
    field, *values = call.words(2, maximum)
    return In(call.path(field), tuple(call.value(word) for word in values))


def _compare(order: Order) -> Callable[[OperatorCall], Condition]:
    def compare(call: OperatorCall) -> Condition:
        field, value = call.words(2, 2)
        return Compare(call.path(field), order, call.value(value))

    return compare


def _like(call: OperatorCall) -> Condition:
    field, text = call.words(2, 2)
    return Like(call.path(field), call.text(text).removeprefix("string:"))


def _contains(call: OperatorCall) -> Contains:
    field, *conditions = call.arguments or [""]
    if not isinstance(field, str):
        call.fail(f"{call.name}(...) begins with a field")
    return Contains(call.path(field), _all([_condition(c) for c in call.calls(conditions)]))


def _joined(kind: type[And | Or]) -> Callable[[OperatorCall], Condition]:
    def joined(call: OperatorCall) -> Condition:
        if not call.arguments:
            call.fail(f"{call.name}(...) needs a condition")
        return kind(tuple(_condition(part) for part in call.calls(call.arguments)))

    return joined


def _limit(query: Query, call: OperatorCall) -> Query:
    words = call.words(1, 2)
    if not all(re.fullmatch(r"[0-9]{1,9}", word) for word in words) or int(words[0]) < 1:
        call.fail("limit(...) takes a whole number from 1 and an offset from 0")
    limit, offset = int(words[0]), int(words[1]) if len(words) > 1 else 0
    return replace(query, limit=limit, offset=offset)


def _sort(query: Query, call: OperatorCall) -> Query:
    words = call.words(1, MAX_SORTS)
    sort = (Sort(call.path(word[word[:1] in ("+", "-") :]), word[:1] == "-") for word in words)
    return replace(query, sort=tuple(sort))


def _select(query: Query, call: OperatorCall) -> Query:
    return replace(query, select=tuple(call.path(word) for word in call.words(1)))


def _skip_count(query: Query, call: OperatorCall) -> Query:
    call.words(0, 0)
    return replace(query, skip_count=True)


_OPERATORS: dict[str, Callable[[OperatorCall], Condition]] = {
    "eq": lambda call: _in(call, 2),
    "ne": lambda call: Not(_in(call, 2)),
    "in": _in,
    "out": lambda call: Not(_in(call)),
    "gt": _compare("gt"),
    "ge": _compare("ge"),
    "lt": _compare("lt"),
    "le": _compare("le"),
    "like": _like,
    "contains": _contains,
    "excludes": lambda call: Not(_contains(call)),
    "and": _joined(And),
    "or": _joined(Or),
}
_PAGING: dict[str, Callable[[Query, OperatorCall], Query]] = {
    "limit": _limit,
    "sort": _sort,
    "select": _select,
    "skipCount": _skip_count,
    "skip_count": _skip_count,
}
