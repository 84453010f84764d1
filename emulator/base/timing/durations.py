"""Lengths of time as people write them: 90, "90", "1.5h", "1h30m", "7d". Pure."""

from __future__ import annotations

import math
import re
from datetime import timedelta

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
_PART = r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)\s*"
_PARTS = re.compile(f"(?:{_PART})+", re.ASCII)
_NUMBER = re.compile(r"\d+(?:\.\d+)?", re.ASCII)

HOW = 'write seconds, or a text such as "90s", "1h30m" or "7d" (ms, s, m, h, d, w)'


def parse(given: float | str | timedelta) -> timedelta:
    """`given` as a length of time in whole milliseconds; numbers are seconds. Raises `ValueError`,
    with a sentence, for what is none, or is negative, or longer than Python's own can be."""
    if isinstance(given, timedelta):
        seconds = given.total_seconds()
    elif isinstance(given, str):
        seconds = _of_text(given)
    elif isinstance(given, bool) or not isinstance(given, (int, float)):
        raise ValueError(f"{given!r} is no length of time; {HOW}")
    else:
        seconds = float(given)
    if not math.isfinite(seconds):
        raise ValueError(f"{given!r} is no length of time; {HOW}")
    if seconds < 0:
        raise ValueError(f"{given!r} is negative, and time never goes back; {HOW}")
    try:
        return timedelta(milliseconds=round(seconds * 1000))
    except OverflowError:
        raise ValueError(f"{given!r} is longer than time can be counted") from None


def _of_text(text: str) -> float:
    text = text.strip()
    if text.startswith("-"):
        raise ValueError(f"{text!r} is negative, and time never goes back; {HOW}")
    if _NUMBER.fullmatch(text):
        return float(text)
    if not _PARTS.fullmatch(text):
        raise ValueError(f"{text!r} is no length of time; {HOW}")
    return math.fsum(float(number) * _SECONDS[unit] for number, unit in re.findall(_PART, text))
