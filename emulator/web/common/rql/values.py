"""RQL's values: a text as a number, a date, a constant or a text. Pure.

The type of a value is guessed from its final text, because the SDK encodes dots, colons and dashes
too. A number is what JavaScript prints (12, -1.5; not 007, 1.0, or 24 digits: ids stay text). A
date is 2021-12-10 or 2021-12-10T12:28:04.222Z, in UTC unless it names a zone.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timezone

from taskdock.store.query.model import Value

_PLAIN_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_DATE = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?)?", re.ASCII
)
_CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


def guessed(text: str) -> Value:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    number = _number(text)
    if number is not None and str(number) == text:
        return number
    date = _date(text)
    return text if date is None else date


def _number(text: str) -> int | float | None:
    """A number as JavaScript has it: a double, whole ones exact up to 2 to the 53rd."""
    if not _PLAIN_NUMBER.fullmatch(text):
        return None
    number = float(text)
    if abs(number) <= 2**53 and number.is_integer():
        return int(number)
    return number if abs(number) != float("inf") else None


def _date(text: str) -> datetime | None:
    match = _DATE.fullmatch(text)
    if match is None:
        return None
    day, time, seconds, fraction, zone = match.groups()
    moment = f"{day}T{time or '00:00'}:{seconds or '00'}.{(fraction or '').ljust(3, '0')[:3]}"
    offset = "+00:00" if zone in (None, "Z") else zone
    try:
        return datetime.fromisoformat(moment + offset).astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None


CASTS: dict[str, Callable[[str], Value]] = {
    "string": str,
    "number": _number,
    "date": _date,
    "boolean": {"true": True, "false": False}.get,
}
