"""Values as people read them: durations, sizes, ids, JSON. Pure."""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

_SHORT = 6  # the end of an id, which tells apart what was made in the same second
_ID = re.compile(r"\b[0-9a-f]{8}(?:[0-9a-f]{16}|(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b")
_UNITS = ("B", "kB", "MB", "GB", "TB")


def duration(milliseconds: float | None) -> str:
    """Such as `3 ms`, `1.25 s` or `2 min 5 s`; "" for None."""
    if milliseconds is None:
        return ""
    if milliseconds < 1000:
        return f"{milliseconds:.3g} ms" if milliseconds < 10 else f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 100:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min"
    return f"{hours // 24} d {hours % 24} h"


def megabytes(count: float | None) -> str:
    return "" if count is None else f"{count:g} MB"


def size(count: int) -> str:
    """Bytes in the unit that fits."""
    value, unit = float(count), 0
    while value >= 1000 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.3g} {_UNITS[unit]}"


def grouped(count: int) -> str:
    """Such as 1 000 000, with spaces at which no line breaks."""
    return f"{count:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def pretty(value: Any) -> str:
    """JSON over several lines."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def without_ids(value: Any) -> Any:
    """JSON as a room sees it: without ids, wherever they stand."""
    if isinstance(value, str):
        return _ID.sub("…", value)
    if isinstance(value, list):
        return [without_ids(each) for each in value]
    if isinstance(value, dict):
        return {
            key: without_ids(each)
            for key, each in value.items()
            if not (isinstance(each, str) and _ID.fullmatch(each))
        }
    return value


def short(id: str) -> str:
    """The end of an id."""
    return id if len(id) <= _SHORT else f"…{id[-_SHORT:]}"


def shell(text: str) -> str:
    """As one word of a shell's command."""
    return shlex.quote(text)


def words(name: str) -> str:
    """A name such as `apiRequests` as people read it."""
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    return re.sub(r"\bapi\b", "API", spaced)
