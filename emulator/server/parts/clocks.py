"""The clocks of a server: that of its service, and that of what runs functions."""

from __future__ import annotations

from taskdock.base.settings import Settings
from taskdock.base.timing.clock import Clock, SystemClock, WorkClock
from taskdock.base.timing.harness_clock import HarnessClock, Mode


def service_clock(settings: Settings) -> Clock:
    """The time of tasks and schedules."""
    mode = Mode(settings.clock)
    return SystemClock() if mode is Mode.REAL else HarnessClock(mode)


def work_clock(service: Clock) -> Clock:
    """The time of environments, which a move of the service's clock changes by nothing: they stay
    warm, and a call that waits for room waits no shorter."""
    return service if isinstance(service, SystemClock) else WorkClock(service)
