"""The time of the service, for pages: they count from it where it is not the machine's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flask import Flask, current_app

from taskdock.base.timing.clock import to_iso
from taskdock.tasks.agenda.driver import Driver

_KEY = "taskdock.clock"


@dataclass(frozen=True)
class ServiceTime:
    now: str
    """ISO 8601."""
    mode: str
    """`real`: it passes as the machine's does; else it stands still."""


def provide(app: Flask, driver: Callable[[], Driver]) -> None:
    """Lets pages of `app` have the time from now on."""
    app.extensions[_KEY] = driver


def service_time() -> ServiceTime | None:
    """None: it is the machine's."""
    driver: Driver = current_app.extensions[_KEY]()
    return ServiceTime(to_iso(driver.now), driver.mode.value) if driver.is_movable else None
