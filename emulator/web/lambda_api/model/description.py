"""AWS's own description of its Lambda API: its operations, and what each of them is asked. Pure.

`description.json` is an extract of the service model that AWS publishes in botocore (Apache-2.0);
`scripts/extract-lambda-model` writes it. Where AWS itself does not go by it, that is here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from taskdock.base.strict_json import Json

_FILE = Path(__file__).with_suffix(".json")
_VARIABLE = re.compile(r"\{\w+\}")
_OWN: Mapping[str, Json] = {
    # The model's are those of managed instances and accelerators, which are not here. For others:
    # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    "Timeout": {"max": 1800},
    "MemorySize": {"max": 10240},
    "EphemeralStorageSize": {"max": 10240},
    # AWS refuses an unknown one in other words, and the catalog has more.
    "Runtime": {"enum": ()},
}


@dataclass(frozen=True, eq=False)  # there is one of each
class Shape:
    """The constraints on a value, in the model's words. Members name their shapes."""

    type: str
    required: tuple[str, ...] = ()
    min: float | None = None  # of a number, else of how many characters or members there are
    max: float | None = None
    pattern: str | None = None
    enum: tuple[str, ...] = ()
    sensitive: bool = False  # AWS does not repeat such a value
    members: Mapping[str, str] = field(default_factory=dict)  # of a structure
    query: Mapping[str, str] = field(default_factory=dict)
    """The members in the query string, with their names there."""
    member: str = ""  # of a list
    key: str = ""  # of a map
    value: str = ""


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: str  # with {Variables}
    request: str | None = None
    """The name of the request's shape; None for an operation that is not served."""


@cache
def operations() -> Mapping[str, Operation]:
    return {name: Operation(name, **row) for name, row in _document()["operations"].items()}


@cache
def shape(name: str) -> Shape:
    row = _document()["shapes"][name]
    lists = {fact: tuple(row[fact]) for fact in ("required", "enum") if fact in row}
    return replace(Shape(**{**row, **lists}), **_OWN.get(name, {}))


def at(method: str, path: str) -> Operation | None:
    """The operation of a request; the query string tells none from another."""
    path = path.rstrip("/")
    for operation, pattern in _places():
        if operation.method == method and pattern.fullmatch(path):
            return operation
    return None


@cache
def _places() -> tuple[tuple[Operation, re.Pattern[str]], ...]:
    return tuple(
        (each, re.compile(_VARIABLE.sub("[^/]+", each.path.partition("?")[0])))
        for each in operations().values()
    )


@cache
def _document() -> Json:
    document: Json = json.loads(_FILE.read_text(encoding="utf-8"))
    return document
