"""matching: a value that equals whatever matches its pattern."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any


class matching:
    """A value that equals every value that matches; it can stand inside another one, too.

    A pattern is one of these:

    - a dict: the value has at least these keys, and the value of each matches
    - a compiled regular expression: it is found in the text
    - a type, such as `int`: the value is one of that type
    - a function: it returns something true for the value
    - anything else: the value is equal

        task.data == matching({"name": "Ada"})
        task.data == {"name": "Ada", "at": matching(re.compile("^2027-"))}
    """

    def __init__(
        self, pattern: Mapping[str, Any] | re.Pattern[str] | Callable[[Any], object]
    ) -> None:
        self._pattern: Any = pattern

    def __eq__(self, value: object) -> bool:
        return _matches(self._pattern, value)

    __hash__ = None  # type: ignore[assignment]  # equal to too much to be a key

    def __repr__(self) -> str:
        pattern = self._pattern
        shown = getattr(pattern, "__name__", None) if callable(pattern) else None
        return f"matching({shown or repr(pattern)})"


def _matches(pattern: Any, value: Any) -> bool:
    if isinstance(pattern, Mapping):
        return isinstance(value, Mapping) and all(
            key in value and _matches(part, value[key]) for key, part in pattern.items()
        )
    if isinstance(pattern, re.Pattern):
        return isinstance(value, str) and pattern.search(value) is not None
    if isinstance(pattern, type) and not isinstance(pattern, matching):
        return isinstance(value, pattern) and (pattern is bool or not isinstance(value, bool))
    if callable(pattern):
        return bool(pattern(value))
    return bool(pattern == value)
