"""The server's clock, as a test reads it and moves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from taskdock.base.timing.clock import SystemClock, to_iso
from taskdock.base.timing.durations import HOW
from taskdock.client.api import Json
from taskdock.testing.client.access import HarnessAccess
from taskdock.testing.values.errors import NotSupported
from taskdock.testing.values.times import Length, Moment, moment_of, seconds_of

_PATH = "/clock"
_SECONDS_TO_MOVE = 300.0  # a move of years runs all that is due in them


@dataclass(frozen=True, kw_only=True)
class DueMoment:
    """Something that waits for its time."""

    at: datetime
    kind: str
    """task, retry, schedule, event or delivery."""
    function: str | None = None
    id: str | None = None


class ClockControl:
    """The time of tasks, retries, schedules, events and tokens on one server.

    It does not move the time inside functions: what they read as the time of day, their time
    limits and their deadlines stay real.

    Each verb returns when all that has become due is done. It raises `NotSupported` where the
    server's clock is real, and `ServiceError` where time would go back.
    """

    def __init__(self, access: HarnessAccess) -> None:
        self._access = access
        self._is_real = False

    @property
    def now(self) -> datetime:
        """The time of the server, UTC."""
        return moment_of(str(self._state()["now"]))

    @property
    def mode(self) -> str:
        """real, manual, or auto."""
        return str(self._state()["mode"])

    @property
    def due(self) -> list[DueMoment]:
        """The first 50 of what waits for its time, by time."""
        return [
            DueMoment(
                at=moment_of(one["at"]),
                kind=one["kind"],
                function=one.get("functionName"),
                id=one.get("id"),
            )
            for one in self._state()["due"]
        ]

    def advance(
        self,
        length: Length | None = None,
        *,
        weeks: float | None = None,
        days: float | None = None,
        hours: float | None = None,
        minutes: float | None = None,
        seconds: float | None = None,
    ) -> None:
        """Lets time pass: `advance(90)`, `advance("7d")`, `advance(days=7)`. All that is due on
        the way runs at its own time, one after the other. Raises `ValueError` for what is no length
        of time."""
        units = {"weeks": weeks, "days": days, "hours": hours, "minutes": minutes}
        self._move({"advance": _sum(length, {**units, "seconds": seconds})})

    def move_to(self, moment: Moment) -> None:
        """Lets time pass until this moment."""
        self._move({"moveTo": to_iso(moment_of(moment))})

    def run_until_idle(self) -> None:
        """Lets time pass until nothing but schedules waits."""
        self._move({"runUntilIdle": True})

    def switch(self, mode: str) -> None:
        """To manual, auto or real."""
        self._is_real = False
        self._move({"mode": mode})

    def here_or_there(self) -> datetime:
        """The time of the server. It is this machine's where the server's clock is real, or not to
        be read."""
        if not self._is_real:
            try:
                state = self._state()
                self._is_real = state["mode"] == "real"
                return moment_of(str(state["now"]))
            except NotSupported:
                self._is_real = True
        return SystemClock().now()

    def starting(self, start_in: Length | None, start: Moment | None) -> str | None:
        """The start of a task, in ISO 8601; None where neither is given."""
        if start_in is not None and start is not None:
            raise ValueError("give start_in or start, not both")
        if start_in is not None:
            return to_iso(self.here_or_there() + timedelta(seconds=seconds_of(start_in)))
        return None if start is None else to_iso(moment_of(start))

    def _state(self) -> Json:
        return self._access.call("GET", _PATH)

    def _move(self, verb: Json) -> None:
        self._access.call("POST", _PATH, verb, seconds=_SECONDS_TO_MOVE)


def _sum(length: Length | None, units: Mapping[str, float | None]) -> float:
    """In seconds; `units` are those of `timedelta`, None: it is not given."""
    given = {unit: number for unit, number in units.items() if number is not None}
    if length is None and not given:
        raise ValueError('advance takes the time that passes, such as advance("7d") or (days=7)')
    try:
        more = timedelta(**given)
    except (TypeError, ValueError, OverflowError):
        shown = ", ".join(f"{unit}={number!r}" for unit, number in given.items())
        raise ValueError(f"{shown} is no length of time; {HOW}") from None
    return more.total_seconds() + (0 if length is None else seconds_of(length))
