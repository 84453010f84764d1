"""Compares two queries by what they mean: the order of conditions and the spelling do not count.

Pure. A limit, an order and a selection count only where the wanted query names them.
"""

from __future__ import annotations

from typing import Any

from taskdock.store.query.model import And, Condition, Contains, In, Not, Or, Query
from taskdock.web.common.rql import parser

_UNNAMED = 0  # a limit that the text does not name
_ANY_LIMIT = 10**9


def read(query_string: str) -> Query:
    """The query of a text that is percent-encoded. Raises `BadQuery`."""
    return parser.parse(query_string, default_limit=_UNNAMED, max_limit=_ANY_LIMIT)


def difference(wanted: Query, asked: Query) -> str | None:
    """The first thing that is asked otherwise than wanted, as a sentence; None: both mean the same.
    Queries are as by `read`."""
    if normal(wanted.where) != normal(asked.where):
        return "the RQL has other conditions"
    if wanted.limit != _UNNAMED and (wanted.limit, wanted.offset) != (asked.limit, asked.offset):
        return f"the RQL asks for limit({asked.limit},{asked.offset})"
    if wanted.sort and wanted.sort != asked.sort:
        return "the RQL asks for another order"
    if wanted.select and set(wanted.select) != set(asked.select):
        return "the RQL selects other fields"
    return None


def normal(condition: Condition | None) -> Any:
    """The same value for each two conditions that mean the same by the order of their parts."""
    if isinstance(condition, (And, Or)):
        kind = type(condition)
        parts = frozenset(_flat(condition, kind))
        return next(iter(parts)) if len(parts) == 1 else (kind.__name__, parts)
    if isinstance(condition, In):
        return ("In", condition.path, frozenset((type(one), one) for one in condition.values))
    if isinstance(condition, Not):
        return ("Not", normal(condition.condition))
    if isinstance(condition, Contains):
        return ("Contains", condition.path, normal(condition.condition))
    if condition is not None and hasattr(condition, "value"):
        return (condition, type(condition.value))
    return condition


def _flat(condition: Condition, kind: type[And | Or]) -> list[Any]:
    if isinstance(condition, kind):
        return [each for part in condition.conditions for each in _flat(part, kind)]
    return [normal(condition)]
