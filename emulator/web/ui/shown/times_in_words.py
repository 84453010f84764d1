"""Intervals as people say them, and start times as people type them. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from taskdock.base.errors import BadField
from taskdock.base.timing import durations
from taskdock.base.timing.clock import to_iso

_UNITS = (
    ("week", timedelta(weeks=1)),
    ("day", timedelta(days=1)),
    ("hour", timedelta(hours=1)),
    ("minute", timedelta(minutes=1)),
    ("second", timedelta(seconds=1)),
    ("millisecond", timedelta(milliseconds=1)),
)
START = 'a time from now, such as "10m" or "1h30m", or a moment such as 2026-12-24T18:00:00Z'


def interval(seconds: float) -> str:
    """Such as `every day`, `every 90 seconds` or `every 1 hour 30 minutes`: in whole units, two at
    most, else in seconds."""
    left = timedelta(milliseconds=round(seconds * 1000))
    parts: list[tuple[int, str]] = []
    for name, unit in _UNITS:
        count, left = divmod(left, unit)
        if count:
            parts.append((count, name))
    if len(parts) > 2:
        return f"every {seconds:,g} seconds"
    if len(parts) == 1 and parts[0][0] == 1:
        return f"every {parts[0][1]}"
    return "every " + " ".join(f"{count} {name}{'s' * (count != 1)}" for count, name in parts)


def start(text: str, now: datetime) -> str | None:
    """A moment in ISO 8601, for the API to check; None: at once. Raises `BadField`."""
    text = text.strip()
    if not text or text.lower() == "now":
        return None
    if text[:4].isdigit() and text[4:5] == "-":
        return text
    try:
        return to_iso(now + durations.parse(text))
    except (ValueError, OverflowError):
        raise BadField(f"start: {text[:40]!r} is neither {START}") from None


def seconds(text: str) -> float:
    """An interval. Raises `BadField`."""
    try:
        return durations.parse(text).total_seconds()
    except ValueError as error:
        raise BadField(f"every: {error}") from None
