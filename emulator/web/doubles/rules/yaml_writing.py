"""Writes values into YAML so that `yaml_text` reads the same ones, and people can. Pure."""

from __future__ import annotations

import json
import re
from typing import Any

_PLAIN = re.compile(r"[A-Za-z/][A-Za-z0-9/_.-]*")
_WORDS = frozenset({"null", "Null", "NULL", "true", "True", "TRUE", "false", "False", "FALSE"})
_UNPRINTABLE = re.compile(
    "[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)
"""Characters that YAML does not take as they are, or takes for the end of a line."""
_SHORT = 60  # characters that stay on one line


def text(value: str) -> str:
    """Text, in quotes where YAML would take it for something else."""
    is_plain = _PLAIN.fullmatch(value) and value not in _WORDS
    return value if is_plain else flow(value)


def flow(value: Any) -> str:
    """A JSON value on one line."""
    return _escaped(json.dumps(value, ensure_ascii=False))


def block(value: Any, indent: int) -> str:
    """A JSON value behind a key that is indented so far: on several lines, unless it is short."""
    line = flow(value)
    if len(line) <= _SHORT:
        return line
    lines = json.dumps(value, ensure_ascii=False, indent=2).split("\n")
    return _escaped(f"\n{' ' * (indent + 2)}".join(lines), but="\n")


def _escaped(json_text: str, but: str = "") -> str:
    """JSON's own escapes mean the same in YAML's quotes."""
    return _UNPRINTABLE.sub(
        lambda found: found[0] if found[0] in but and but else f"\\u{ord(found[0]):04x}", json_text
    )
