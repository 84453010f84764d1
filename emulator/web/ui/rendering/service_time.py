"""The time of the service, for pages: they count from it where it is not the machine's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from flask import Flask, current_app

from taskdock.base.timing.clock import SystemClock, to_iso
from taskdock.tasks.agenda.driver import Driver

_KEY = "taskdock.clock"
_LITTLE = timedelta(seconds=5)  # between it and the machine's time, which nobody needs to be told


@dataclass(frozen=True)
class ServiceTime:
    now: str
    """ISO 8601."""
    mode: str
    """`real`: it passes as the machine's does; else it stands still."""
    is_off: bool
    """Whether it is another than the machine's by more than a little."""


def provide(app: Flask, driver: Callable[[], Driver]) -> None:
    """Lets pages of `app` have the time from now on."""
    app.extensions[_KEY] = driver


def service_time() -> ServiceTime | None:
    """None: it is the machine's, and stays so."""
    driver: Driver = current_app.extensions[_KEY]()
    if not driver.is_movable:
        return None
    now = driver.now
    is_off = abs(now - SystemClock().now()) > _LITTLE
    return ServiceTime(to_iso(now), driver.mode.value, is_off)
