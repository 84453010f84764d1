"""A value inside JSON, wherever a path leads to it: SQLite's functions for that, as SQL.

A path goes through objects by their keys and through arrays by an index, or into each element that
is an object.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from peewee import SQL, EnclosedNodeList, NodeList, fn
from peewee import Value as Bound

from taskdock.store.query.fields import Sql
from taskdock.store.query.model import Path


class Spot(NamedTuple):
    """A JSON value somewhere in a statement; `column` if it is a whole column."""

    type: Sql
    value: Sql
    depth: int = 0  # of the condition around it, so that every walk has a name of its own
    column: Sql = None


UNQUOTABLE = re.compile(r'["\\\x00-\x1f]')  # what no key in a SQLite JSON path can hold


def reach(spot: Spot, path: Path, test: Callable[[Spot], Sql]) -> Sql:
    """Whether a value at `path` passes: read directly, walked to if an array is on the way."""
    walk = _walk(spot, path, test)
    if spot.column is None or any(map(UNQUOTABLE.search, path)):
        return walk
    steps = [json_path(path[:length]) for length in range(len(path) + 1)]
    types = [fn.json_type(spot.column, step) for step in steps]
    direct = Spot(types[-1], fn.json_extract(spot.column, steps[-1]))
    return phrase(_DIRECT, types=EnclosedNodeList(types), walk=walk, test=test(direct))


_DIRECT = "CASE WHEN 'array' IN {types} THEN {walk} ELSE {test} END"


def _walk(spot: Spot, path: Path, test: Callable[[Spot], Sql]) -> Sql:
    """The same by recursion; a row of `node` is a value and how many keys have led to it.

    From an object to the value under the next key; from an array to the element with the next
    key as its index and, without using up a key, to each element that is an object. An array at
    the end of the path gives its elements too.
    """
    node = SQL(f"node{spot.depth + 1}")
    end = Spot(phrase("{n}.type", n=node), phrase("{n}.value", n=node), spot.depth + 1)
    keys = [
        phrase(
            "WHEN {n}.depth = {at} THEN CAST(child.key AS TEXT) = {key}",
            n=node,
            at=SQL(str(at)),
            key=Bound(key),
        )
        for at, key in enumerate(path)
    ]
    return phrase(
        _WALK,
        node=node,
        length=SQL(str(len(path))),
        type=spot.type,
        value=spot.value,
        keys=NodeList(keys),
        test=test(end),
    )


_WALK = """EXISTS (WITH RECURSIVE {node}(depth, type, value) AS (
    SELECT 0, {type}, {value} WHERE {type} IS NOT NULL
    UNION ALL
    SELECT {node}.depth + step.used, child.type, child.value
    FROM {node},
        json_each(CASE WHEN {node}.type = 'array' AND {node}.depth <= {length}
                         OR {node}.type = 'object' AND {node}.depth < {length}
                       THEN {node}.value END) AS child,
        (SELECT 0 AS used UNION ALL SELECT 1) AS step
    WHERE CASE WHEN step.used = 0
               THEN {node}.type = 'array' AND child.type = 'object' AND {node}.depth < {length}
               {keys} ELSE TRUE END)
    SELECT 1 FROM {node} WHERE {test} AND {node}.depth >= {length})"""


def json_path(keys: Path) -> str:
    return "$" + "".join(f'."{key}"' for key in keys)


def joined(glue: str, parts: Sequence[Sql]) -> Sql:
    """`parts` side by side: operators would nest them, and databases limit nesting."""
    return NodeList(parts, glue=glue, parens=True)


def phrase(template: str, **parts: Sql) -> Sql:
    """`template` with a piece of a statement at each {name}."""
    words = re.split(r"{(\w+)}", template)
    return NodeList([parts[w] if i % 2 else SQL(w) for i, w in enumerate(words)], glue="")
