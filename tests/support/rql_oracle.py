"""The meaning of a query, implemented a second time: over plain Python objects, slow, without SQL.

A document has wire names; a field without a value is not in the document.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from taskdock.store.query.model import (
    And,
    Compare,
    Condition,
    Contains,
    In,
    Like,
    Not,
    Or,
    Path,
    Query,
)

_ORDERS = {"gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le}
_RANKS = [type(None), float, str, dict, list, bool, datetime]


def answer(documents: list[dict[str, Any]], query: Query) -> tuple[list[str], int]:
    """The ids of the page, and how many documents match."""
    found = [one for one in documents if query.where is None or matches(query.where, one)]
    descending = query.sort[-1].descending if query.sort else False
    found.sort(key=lambda one: one["id"], reverse=descending)
    for sort in reversed(query.sort):
        found.sort(key=lambda one, path=sort.path: _rank(one, path), reverse=sort.descending)
    if not query.sort:
        found.sort(key=lambda one: one["creationTimestamp"])
    return [one["id"] for one in found[query.offset :][: query.limit]], len(found)


def matches(condition: Condition, document: Any) -> bool:
    match condition:
        case And(conditions):
            return all(matches(inner, document) for inner in conditions)
        case Or(conditions):
            return any(matches(inner, document) for inner in conditions)
        case Not(inner):
            return not matches(inner, document)
    values = list(reached(document, condition.path))
    missing = not values and isinstance(condition, In) and None in condition.values
    return missing or any(_passes(value, condition) for value in values)


def _passes(value: Any, condition: Condition) -> bool:
    match condition:
        case In(_, wanted):
            return any(_type(value) is _type(one) and value == one for one in wanted)
        case Compare(_, order, limit):
            comparable = limit is not None and _type(value) is _type(limit)
            return comparable and _ORDERS[order](value, limit)
        case Like(_, text):
            return isinstance(value, str) and text in value
        case Contains(_, None):
            return True
        case Contains(_, inner):
            return isinstance(value, dict) and matches(inner, value)
    raise AssertionError(condition)


def reached(value: Any, path: Path) -> Iterator[Any]:
    """Every value that `path` leads to, through arrays too, and an array's elements with it."""
    if not path:
        yield value
        yield from value if isinstance(value, list) else ()
    elif isinstance(value, dict) and path[0] in value:
        yield from reached(value[path[0]], path[1:])
    elif isinstance(value, list):
        for index, element in enumerate(value):
            if str(index) == path[0]:
                yield from reached(element, path[1:])
            if isinstance(element, dict):
                yield from reached(element, path)


def _type(value: Any) -> type:
    return float if type(value) is int else type(value)


def _rank(document: Any, path: Path) -> tuple[int, Any]:
    for key in path:
        document = document.get(key) if isinstance(document, dict) else None
    comparable = not isinstance(document, (dict, list)) and document is not None
    return _RANKS.index(_type(document)), document if comparable else 0
