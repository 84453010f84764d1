"""Lengths and points of time, as a test writes them, and as the service does. Pure."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

from taskdock.base.timing import durations

Length = float | str | timedelta
"""A length of time: seconds, a `timedelta`, or words such as "10s", "1h", "1h30m", "7d"."""
Moment = datetime | str
"""A point of time: a `datetime` with a time zone, or ISO 8601 such as "2027-01-01T00:00:00Z"."""

_UNITS = {"d": 86_400.0, "h": 3600.0, "m": 60.0}


def seconds_of(length: Length) -> float:
    """In whole milliseconds. Raises `ValueError` for what is no length of time, or is negative."""
    return durations.parse(length).total_seconds()


def moment_of(moment: Moment) -> datetime:
    """In UTC. Raises `ValueError` for what is no point of time, or has no time zone."""
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(re.sub("[zZ]$", "+00:00", moment))
        except ValueError:
            raise ValueError(
                f"{moment!r} is no time in ISO 8601, such as 2027-01-01T00:00:00Z"
            ) from None
    if not isinstance(moment, datetime):
        raise ValueError(f"{moment!r} is no point of time; write a datetime, or a text in ISO 8601")
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone: add Z, or tzinfo=timezone.utc")
    return moment.astimezone(timezone.utc)


def in_words(seconds: float) -> str:
    """7200.0 as "2h", 93.5 as "1m33.5s", -3600 as "-1h"."""
    left, words = round(abs(seconds), 3), ""
    for unit in "dhm":
        whole, left = divmod(left, _UNITS[unit])
        words += f"{whole:.0f}{unit}" if whole else ""
    words += f"{round(left, 3):g}s" if left or not words else ""
    return f"-{words}" if seconds < 0 else words
