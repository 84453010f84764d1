"""The rows of a table that a query chooses.

`find` makes one SELECT of the query, so that indexes work and no row is judged in Python. The
caller's values travel as bound parameters.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import SQL, Case, Database, fn
from peewee import Value as Bound

from taskdock.base.errors import BadQuery
from taskdock.base.timing.clock import to_epoch
from taskdock.store.query.fields import Elements, Field, FieldKind, Fields, Sql
from taskdock.store.query.json_path import UNQUOTABLE, Spot, joined, json_path, phrase, reach
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
    Sort,
    Value,
)
from taskdock.store.tables import Table


def find(
    db: Database, table: type[Table], fields: Fields, query: Query
) -> tuple[list[Any], int | None]:
    """One page of rows, and how many rows there are in all unless the query skips the count."""
    rows = table.select()
    count = table.select(fn.COUNT(SQL("1")))
    if query.where is not None:
        where = _Rows(fields).sql(query.where)
        rows, count = rows.where(where), count.where(where)
    page = rows.order_by(*_order(fields, query.sort)).limit(query.limit).offset(query.offset)
    total = None if query.skip_count else next(iter(count.tuples().execute(db)))[0]
    return list(page.execute(db)), total


@dataclass(frozen=True, kw_only=True)
class PageWords:
    """The rest of a statement, in words: what else is true of its rows, their order, how many."""

    names: str
    conditions: str
    values: Sequence[Any]
    order: str
    limit: int


def worded(
    db: Database, table: type[Table], fields: Fields, where: Condition, page: PageWords
) -> tuple[str, Sequence[Any]]:
    """A statement for one page, with the values of its marks. Raises `BadQuery`."""
    rows = table.select(SQL(page.names)).where(_Rows(fields).sql(where))
    if page.conditions:
        rows = rows.where(SQL(page.conditions, list(page.values)))
    rows = rows.order_by(SQL(page.order)).limit(page.limit)
    words, values = db.get_sql_context().sql(rows).query()  # type: ignore[no-untyped-call]
    return str(words), values


def _order(fields: Fields, sort: Sequence[Sort]) -> list[Sql]:
    keys = sort or (Sort((fields.order,)),)
    terms = [term for key in keys for term in _sort_terms(fields, key)]
    if keys[-1].path != (fields.key,):
        terms += _sort_terms(fields, Sort((fields.key,), keys[-1].descending))
    return terms


def _sort_terms(fields: Fields, sort: Sort) -> list[Sql]:
    field = fields.find(sort.path)
    terms = [field.column] if field.kind is not FieldKind.JSON else _json_order(field, sort.path)
    return [term.desc() if sort.descending else term.asc() for term in terms]


class _Scope:
    """The start of a condition's paths: a row of the table, or an element of an array."""

    def sql(self, condition: Condition) -> Sql:
        if isinstance(condition, (And, Or)):
            glue = " AND " if isinstance(condition, And) else " OR "
            return joined(glue, [self.sql(inner) for inner in condition.conditions])
        if isinstance(condition, Not):
            return phrase("{leaf} IS NOT TRUE", leaf=self.leaf(condition.condition))
        return self.leaf(condition)

    def leaf(self, leaf: Leaf) -> Sql:
        raise NotImplementedError


class _Rows(_Scope):
    def __init__(self, fields: Fields) -> None:
        self.fields = fields

    def leaf(self, leaf: Leaf) -> Sql:
        field = self.fields.find(leaf.path)
        if field.kind is not FieldKind.JSON:
            return _column_leaf(field, leaf)
        if field.elements and isinstance(leaf, In) and len(leaf.path) == 1:
            texts = [value for value in leaf.values if isinstance(value, str)]
            if len(texts) == len(leaf.values):
                key = self.fields.by_name[self.fields.key].column
                return key.in_(_owners(field.elements, texts))
        whole = Spot(
            fn.json_type(field.column), fn.json_extract(field.column, "$"), 0, field.column
        )
        return _json_leaf(whole, leaf.path[1:], leaf)


class _Element(_Scope):
    def __init__(self, spot: Spot) -> None:
        self.spot = spot

    def leaf(self, leaf: Leaf) -> Sql:
        return _json_leaf(self.spot, leaf.path, leaf)


def _owners(elements: Elements, texts: list[str]) -> Sql:
    return elements.owner.model.select(elements.owner).where(elements.element.in_(texts))


def _column_leaf(field: Field, leaf: Leaf) -> Sql:
    column = field.column
    if isinstance(leaf, In):
        fitting = [_bound(value) for value in leaf.values if type(value) in field.kind.value]
        found = column.in_(fitting)
        return found | column.is_null() if None in leaf.values else found
    if isinstance(leaf, Compare):
        is_comparable = type(leaf.value) in field.kind.value
        return _ORDERS[leaf.order](column, _bound(leaf.value)) if is_comparable else SQL("FALSE")
    if isinstance(leaf, Like):
        return _has_text(column, leaf.text) if field.kind is FieldKind.TEXT else SQL("FALSE")
    return column.is_null(False) if leaf.condition is None else SQL("FALSE")


def _bound(value: Value) -> Sql:
    """A parameter that is sent as it is: a column's own conversion would cut 1.5 to 1."""
    return Bound(to_epoch(value) if isinstance(value, datetime) else value, converter=False)


_ORDERS: dict[str, Callable[[Sql, Sql], Sql]] = {
    "gt": operator.gt,
    "ge": operator.ge,
    "lt": operator.lt,
    "le": operator.le,
}


# --- JSON, and all else that is SQLite's own way ---


_NUMBER, _TEXT, _BOOLEAN = ("integer", "real"), ("text",), ("true", "false")
_TYPES = {int: _NUMBER, float: _NUMBER, str: _TEXT, bool: _BOOLEAN}
_RANKS = (_NUMBER, _TEXT, ("object",), ("array",), _BOOLEAN)
MAX_CONTAINS = 3  # inside each other: the stack of SQLite's parser holds few SELECTs


def _has_text(text: Sql, part: str) -> Sql:
    return fn.instr(text, Bound(part, converter=False)) > 0


def _json_leaf(spot: Spot, path: Path, leaf: Leaf) -> Sql:
    found = reach(spot, path, lambda end: _json_test(end, leaf))
    if isinstance(leaf, In) and None in leaf.values:
        return found | ~reach(spot, path, lambda end: end.type.is_null(False))
    return found


def _json_test(end: Spot, leaf: Leaf) -> Sql:
    if isinstance(leaf, In):
        return _one_of(end, leaf.values)
    if isinstance(leaf, Compare):
        types = _TYPES.get(type(leaf.value), ())
        return end.type.in_(types) & _ORDERS[leaf.order](end.value, _bound(leaf.value))
    if isinstance(leaf, Like):
        return (end.type == "text") & _has_text(end.value, leaf.text)
    if leaf.condition is None:
        return end.type.is_null(False)
    if end.depth > MAX_CONTAINS:
        raise BadQuery(f"RQL: contains(...) and excludes(...) nest {MAX_CONTAINS} deep at most")
    return joined(" AND ", [_Element(end).sql(leaf.condition), end.type == "object"])


def _one_of(end: Spot, values: Sequence[Value]) -> Sql:
    """Each type is asked for its own values: to SQL, 1 and true are the same."""
    parts = [end.type == "null" if None in values else SQL("FALSE")]
    for types in (_NUMBER, _TEXT, _BOOLEAN):
        fitting = [value for value in values if _TYPES.get(type(value)) is types]
        parts += [end.type.in_(types) & end.value.in_(fitting)] if fitting else []
    return joined(" OR ", parts)


def _json_order(field: Field, path: Path) -> list[Sql]:
    if any(map(UNQUOTABLE.search, path)):
        raise BadQuery(f"RQL: cannot sort by {'.'.join(path)[:80]!r}")
    kind = fn.json_type(field.column, json_path(path[1:]))
    value = fn.json_extract(field.column, json_path(path[1:]))
    rank = Case(None, [(kind.in_(types), rank) for rank, types in enumerate(_RANKS, 1)], 0)
    return [rank, Case(None, [(kind.in_(("object", "array")), None)], value)]
