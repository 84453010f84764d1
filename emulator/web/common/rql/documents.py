"""RQL over plain JSON objects in memory: the meaning that `store.query.model` gives it. Pure.

JSON has no dates. Where the query has one, text that is an ISO 8601 time counts as that time.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from taskdock.base.strict_json import Json
from taskdock.store.query.model import (
    And,
    Compare,
    Condition,
    In,
    Leaf,
    Like,
    Not,
    Or,
    Path,
    Query,
    Value,
    project,
)
from taskdock.web.common.rql.values import guessed

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}
_RANKS = (type(None), float, str, dict, list, bool)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def page(documents: Sequence[Json], query: Query) -> tuple[list[Json], int]:
    """The documents of one page, as far as they are selected, and how many match in all. Without
    an order, they come as they are given."""
    found = [each for each in documents if query.where is None or matches(query.where, each)]
    for sort in reversed(query.sort):
        found.sort(key=partial(_rank, path=sort.path), reverse=sort.descending)
    chosen = found[query.offset : query.offset + query.limit]
    return [project(each, query.select) for each in chosen], len(found)


def matches(condition: Condition, document: Any) -> bool:
    if isinstance(condition, And):
        return all(matches(inner, document) for inner in condition.conditions)
    if isinstance(condition, Or):
        return any(matches(inner, document) for inner in condition.conditions)
    if isinstance(condition, Not):
        return not matches(condition.condition, document)
    values = list(_reached(document, condition.path))
    is_missing = not values and isinstance(condition, In) and None in condition.values
    return is_missing or any(_passes(value, condition) for value in values)


def _passes(value: Any, leaf: Leaf) -> bool:
    if isinstance(leaf, In):
        return any(_equal(value, wanted) for wanted in leaf.values)
    if isinstance(leaf, Compare):
        one, other = _comparable(value, leaf.value)
        alike = other is not None and type(one) is type(other)
        return alike and _ORDERS[leaf.order](one, other)
    if isinstance(leaf, Like):
        return isinstance(value, str) and leaf.text in value
    if leaf.condition is None:
        return True
    return isinstance(value, dict) and matches(leaf.condition, value)


def _equal(value: Any, wanted: Value) -> bool:
    one, other = _comparable(value, wanted)
    return type(one) is type(other) and bool(one == other)


def _comparable(value: Any, wanted: Value) -> tuple[Any, Any]:
    """Both as one type, where they can be: numbers, and times."""
    if isinstance(wanted, datetime) and isinstance(value, str) and _DAY.match(value):
        return guessed(value), wanted
    return _plain(value), _plain(wanted)


def _plain(value: Any) -> Any:
    return float(value) if type(value) is int and abs(value) <= 2**53 else value


def _reached(value: Any, path: Path) -> Iterator[Any]:
    """Every value that the path leads to, through arrays too, and an array's elements with it."""
    if not path:
        yield value
        yield from value if isinstance(value, list) else ()
    elif isinstance(value, dict):
        if path[0] in value:
            yield from _reached(value[path[0]], path[1:])
    elif isinstance(value, list):
        for index, element in enumerate(value):
            if str(index) == path[0]:
                yield from _reached(element, path[1:])
            if isinstance(element, dict):
                yield from _reached(element, path)


def _rank(document: Json, path: Path) -> tuple[int, Any]:
    value: Any = document
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    value = _plain(value)
    kind = float if type(value) is int else type(value)
    is_comparable = value is not None and not isinstance(value, (dict, list))
    return _RANKS.index(kind), value if is_comparable else 0
