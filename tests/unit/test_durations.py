"""Lengths of time as people write them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from taskdock.base.timing import durations


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (0, 0),
        (90, 90),
        (1.5, 1.5),
        ("90", 90),
        ("0.25", 0.25),
        ("90s", 90),
        ("250ms", 0.25),
        ("5m", 300),
        ("1h30m", 5400),
        ("1h 30m", 5400),
        (" 1.5 h ", 5400),
        ("7d", 7 * 86400),
        ("2w", 14 * 86400),
        ("1d1h1m1s1ms", 90061.001),
        (timedelta(hours=2), 7200),
        (0.0004, 0),
    ],
)
def test_a_length_of_time_is_read_to_the_millisecond(given: Any, seconds: float) -> None:
    assert durations.parse(given) == timedelta(milliseconds=round(seconds * 1000))


@pytest.mark.parametrize(
    "given",
    ["", "soon", "7 days", "d", "1x", "1h30", "1.h", None, True, [1], float("nan"), "\u0661s"],
)
def test_what_is_none_is_refused_with_how_to_write_one(given: Any) -> None:
    with pytest.raises(ValueError, match="is no length of time; write seconds, or a text such as"):
        durations.parse(given)


@pytest.mark.parametrize("given", [-1, -0.001, "-7d", "-1", timedelta(days=-1)])
def test_time_never_goes_back(given: Any) -> None:
    with pytest.raises(ValueError, match="is negative, and time never goes back"):
        durations.parse(given)


@pytest.mark.parametrize("given", [1e30, "99999999999999d"])
def test_what_cannot_be_counted_is_refused(given: Any) -> None:
    with pytest.raises(ValueError, match="longer than time can be counted"):
        durations.parse(given)
