"""A filter, an order and a page as plain values, which know nothing of tables.

Meaning is MongoDB's, on which the Task Service runs: values compare only with values of their own
type; null equals missing; a path goes through the elements of arrays, and an array matches when
an element does. JSON has no dates, so a date matches timestamps only.

Where that leaves a choice:
- `Contains` without a condition asks whether the path exists, and an explicit null in JSON exists;
  with one, an object counts as an array of one.
- `Like` is case-sensitive.
- A sort by a JSON path goes through objects only; types sort as missing and null, numbers, text,
  objects, arrays, booleans.
- Rows that sort alike follow their ids, so that pages never overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

Value: TypeAlias = "str | int | float | bool | datetime | None"
Order: TypeAlias = Literal["gt", "ge", "lt", "le"]
Path: TypeAlias = "tuple[str, ...]"  # ("data", "patient", "0")


@dataclass(frozen=True)
class In:
    """Equality: the value at `path`, or one of its elements, is one of `values`."""

    path: Path
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Compare:
    path: Path
    order: Order
    value: Value


@dataclass(frozen=True)
class Like:
    path: Path
    text: str


@dataclass(frozen=True)
class Contains:
    path: Path
    condition: Condition | None = None


@dataclass(frozen=True)
class Not:
    condition: In | Contains


@dataclass(frozen=True)
class And:
    conditions: tuple[Condition, ...]


@dataclass(frozen=True)
class Or:
    conditions: tuple[Condition, ...]


Leaf: TypeAlias = "In | Compare | Like | Contains"
Condition: TypeAlias = "Leaf | Not | And | Or"


@dataclass(frozen=True)
class Sort:
    path: Path
    descending: bool = False


@dataclass(frozen=True, kw_only=True)
class Query:
    where: Condition | None = None
    sort: tuple[Sort, ...] = ()
    limit: int = 20
    offset: int = 0
    select: tuple[Path, ...] = ()
    skip_count: bool = False


def project(document: dict[str, Any], select: Sequence[Path]) -> dict[str, Any]:
    """`document` with only the selected paths, also inside the elements of arrays."""
    chosen: dict[str, Any] = {}
    for path in sorted(select, key=len, reverse=True):  # a shorter path, met later, takes it whole
        inner = chosen
        for key in path[:-1]:
            inner = inner.setdefault(key, {})
        inner[path[-1]] = {}
    trimmed: dict[str, Any] = _trim(document, chosen) if chosen else document
    return trimmed


def _trim(value: Any, chosen: dict[str, Any]) -> Any:
    if not chosen:
        return value
    if isinstance(value, list):
        return [_trim(element, chosen) for element in value if isinstance(element, dict)]
    return {
        key: _trim(inner, chosen[key])
        for key, inner in value.items()
        if key in chosen and (not chosen[key] or isinstance(inner, (dict, list)))
    }
