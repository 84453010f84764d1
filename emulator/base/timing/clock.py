"""Time: the only module that reads a clock.

Code takes a `Clock`, so that a test can hand in one that stands still until the test moves it.
Wall-clock times are timezone-aware UTC datetimes cut to milliseconds, which is the resolution of
the Task Service.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Protocol

from taskdock.base.timing.signal import Signal

if TYPE_CHECKING:  # not for commands, which start in a fraction of the time without it
    import asyncio

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_MILLISECOND = timedelta(milliseconds=1)


class Timer(Protocol):
    """A call that is to come."""

    def cancel(self) -> object:
        """The call does not come any more. Harmless when the call has come, or was cancelled."""


class Clock(Protocol):
    """The time of the service: one that a server is given, and that a test may move.

    All that a caller would wait for goes by this clock: starts of tasks, retries, schedules,
    asynchronous events and their age, webhooks, the rescue of lost tasks, retention, the life of
    tokens, and how long a trouble counts. The times in records and log lines are this clock's.

    Real time is kept for work that another program does meanwhile, whatever this clock says: a
    function's own time, its time limit and its deadline, its init, starts and stops of containers,
    how long an environment idles, how long a call waits for room in memory, an HTTP connection, a
    client's signature, the stop of a server, and pauses for a disk or for the engine. Such code
    uses a `SystemClock` of its own, a `WorkClock`, or the timers of the reactor's event loop.
    """

    def now(self) -> datetime:
        """The wall-clock time, UTC, in whole milliseconds."""

    def monotonic(self) -> float:
        """Seconds on a clock that never goes back; only differences mean anything."""

    def call_later(
        self,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
        callback: Callable[..., object],
        *arguments: Any,
    ) -> Timer:
        """Calls `callback(*arguments)` on the thread of `loop` after so many seconds. To be called
        on the thread of `loop`."""

    def wait(self, event: Signal, seconds: float) -> bool:
        """Returns when `event` is set, or after so many seconds; whether `event` is set. For any
        thread but those of event loops."""


class SystemClock:
    """The time of the machine."""

    def now(self) -> datetime:
        return to_milliseconds(datetime.now(timezone.utc))

    def monotonic(self) -> float:
        return time.monotonic()

    def call_later(
        self,
        loop: asyncio.AbstractEventLoop,
        seconds: float,
        callback: Callable[..., object],
        *arguments: Any,
    ) -> Timer:
        return loop.call_later(seconds, callback, *arguments)

    def wait(self, event: Signal, seconds: float) -> bool:
        return event.wait(seconds)


class WorkClock(SystemClock):
    """The clock of environments: the time of the service is written into records and log lines,
    and the machine's time passes."""

    def __init__(self, service: Clock) -> None:
        self._service = service

    def now(self) -> datetime:
        return self._service.now()


def to_milliseconds(moment: datetime) -> datetime:
    """`moment` with anything finer than a millisecond cut off."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def to_iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds and Z: 2026-01-02T03:04:05.678Z."""
    if moment.tzinfo is not timezone.utc:
        moment = moment.astimezone(timezone.utc)
    return moment.isoformat(timespec="milliseconds")[:23] + "Z"


def to_epoch(moment: datetime) -> int:
    """Milliseconds since 1970; exact, so that what is read back equals what was written."""
    return (moment - _EPOCH) // _MILLISECOND


def from_epoch(milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=milliseconds)
