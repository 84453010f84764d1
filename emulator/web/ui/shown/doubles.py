"""Doubles as lines for people: what a rule matches, and what it answers. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_MATCHES = ("query", "rql", "headers", "body")
_LONGEST = 200  # characters of a line


def rule_lines(double: Mapping[str, Any]) -> list[str]:
    """Lines of what else a call must have, and of each answer."""
    if "collection" in double:
        return [_short(f"a collection of {double['collection']}")]
    lines = [f"{name}: {_value(double[name])}" for name in _MATCHES if name in double]
    answers = double.get("answers") or [double.get("answer") or {}]
    lines += [f"answers {_answer(each)}" for each in answers]
    return [_short(line) for line in lines]


def _answer(answer: Any) -> str:
    if not isinstance(answer, Mapping):
        return _value(answer)
    words = [str(answer.get("status", 200))]
    words += [f"{name} {_value(answer[name])}" for name in answer if name != "status"]
    return " ".join(words)


def _value(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(line: str) -> str:
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 1]}…"
