"""The difference between two JSON values, in lines that people read. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

MOST = 100  # lines
_WIDEST = 100  # characters of a value
_NOTHING: Any = object()  # no JSON value


def difference(before: Any, after: Any, at: str = "") -> list[str]:
    """A line for each place that differs, such as `/legs/0: 4 -> 5`; none where both are equal.

    Places are JSON pointers below `at` (RFC 6901), `/` for the whole value. A place that one of
    them lacks is `(nothing)`. Numbers are equal by their values, as JSON has one kind of them.
    After `MOST` lines, the last one says that there are more.
    """
    lines: list[str] = []
    for path, old, new in _places(before, after, at):
        if len(lines) == MOST:
            return [*lines, "... and more"]
        lines.append(f"{path or '/'}: {_shown(old)} -> {_shown(new)}")
    return lines


def _places(before: Any, after: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            below = f"{path}/{key.replace('~', '~0').replace('/', '~1')}"
            yield from _places(before.get(key, _NOTHING), after.get(key, _NOTHING), below)
    elif isinstance(before, list) and isinstance(after, list):
        for index in range(max(len(before), len(after))):
            old = before[index] if index < len(before) else _NOTHING
            new = after[index] if index < len(after) else _NOTHING
            yield from _places(old, new, f"{path}/{index}")
    elif before != after or isinstance(before, bool) is not isinstance(after, bool):
        yield path, before, after


def _shown(value: Any) -> str:
    if value is _NOTHING:
        return "(nothing)"
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _WIDEST else f"{text[:_WIDEST]}..."
