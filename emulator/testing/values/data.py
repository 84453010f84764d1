"""Checks that the data of a test are JSON, and names the place of a value that is none. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from taskdock.base.strict_json import MAX_DEPTH
from taskdock.testing.values.errors import BadData
from taskdock.testing.values.matching import matching

_HAS = "objects, lists, texts, numbers, true, false and null"
_KEYS = (str, int, float)
"""The types of keys that Python's json writes as texts; bool is an int."""


def check_json(value: Any, path: str = "", depth: int = 0) -> None:
    """Raises `BadData` for what JSON has no form for: what Python's json refuses, too, but without
    its place. `path`: of the value, such as `data/items/0`; `depth`: how many others hold it."""
    if depth > MAX_DEPTH:
        raise BadData(f"{path[:40]}/...: it is nested too deeply, or holds itself")
    if isinstance(value, dict):
        for key, part in value.items():
            if key is not None and not isinstance(key, _KEYS):
                raise BadData(f"{_place(path)}: {_shown(key)} is a key; the keys of JSON are texts")
            if isinstance(key, float):
                check_json(key, path)
            check_json(part, f"{path}/{key}" if path else str(key), depth + 1)
    elif isinstance(value, list | tuple):
        for index, part in enumerate(value):
            check_json(part, f"{path}/{index}" if path else str(index), depth + 1)
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise BadData(f"{_place(path)}: {value} is no number of JSON")
    elif value is not None and not isinstance(value, str | int):
        raise BadData(
            f"{_place(path)}: {_shown(value)} is no JSON, which has {_HAS}{_advice(value)}"
        )


def _place(path: str) -> str:
    return path or "what is sent"


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _advice(value: Any) -> str:
    if isinstance(value, matching):
        return "; matching compares what comes back, and a double's body matches by a part anyway"
    if isinstance(value, set | frozenset):
        return "; write a list"
    if isinstance(value, bytes | bytearray):
        return "; write a text, such as base64"
    if isinstance(value, date):
        return "; write a text, such as that of isoformat()"
    return "; write a dict" if isinstance(value, Mapping) else ""
