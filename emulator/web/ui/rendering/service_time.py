"""The time of the service, for pages: they count from it where it is not the machine's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from flask import Flask, current_app

from taskdock.base.timing.clock import SystemClock, to_iso
from taskdock.base.timing.harness_clock import Mode
from taskdock.tasks.agenda.driver import Driver

_KEY = "taskdock.clock"
_UNNOTICED = timedelta(seconds=3)


@dataclass(frozen=True)
class ServiceTime:
    now: str
    """ISO 8601."""
    mode: str
    """`real`: it passes as the machine's does; else it stands still."""
    is_told: bool
    """Whether it is not the time that people have on their own clocks."""


def provide(app: Flask, driver: Callable[[], Driver]) -> None:
    """Lets pages of `app` have the time from now on."""
    app.extensions[_KEY] = driver


def service_time() -> ServiceTime | None:
    """None: it is the machine's, and stays so."""
    driver: Driver = current_app.extensions[_KEY]()
    if not driver.is_movable:
        return None
    now = driver.now
    is_off = abs(now - SystemClock().now()) > _UNNOTICED
    return ServiceTime(to_iso(now), driver.mode.value, driver.mode is not Mode.REAL or is_off)
