"""Waiting in tests: for a condition and with a limit, never for a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.005, 0.02  # seconds between two looks


def eventually(
    condition: Callable[[], T | None],
    what: str = "",
    *,
    within: float = 60.0,
    state: Callable[[], object] | None = None,
) -> T:
    """Returns the first true value of `condition`.

    `what`: what is waited for, in words. Raises `AssertionError`, which names `what` and shows
    `state()`, when `within` seconds of real time have brought none.
    """
    pause, deadline = _FIRST_PAUSE, time.monotonic() + within
    while not (value := condition()):
        if time.monotonic() > deadline:
            shown = "" if state is None else f"; the state is {state()}"
            raise AssertionError(
                f"this did not come true within {within:g} s: {what or repr(value)}{shown}"
            )
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE)
    return value
