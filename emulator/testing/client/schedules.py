"""Schedules: functions that run every so often."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from taskdock.client.api import Json, equals
from taskdock.testing.client.access import HarnessAccess
from taskdock.testing.client.steering.clock import ClockControl
from taskdock.testing.values.ids import id_of
from taskdock.testing.values.times import Length, Moment, moment_of, seconds_of


@dataclass(frozen=True, kw_only=True)
class ScheduleHandle:
    """A schedule as it was when the test asked for it."""

    id: str
    function: str
    every: float
    """Seconds from one run to the next."""
    next: datetime
    """When it runs next."""
    data: Any = None
    _schedules: ScheduleControl = field(repr=False, compare=False)

    def delete(self) -> None:
        """Ends it; the tasks that it has made stay."""
        self._schedules.delete(self.id)


class ScheduleControl:
    """The schedules of one server."""

    def __init__(self, access: HarnessAccess, clock: ClockControl) -> None:
        self._access = access
        self._service = access.service
        self._clock = clock

    def create(
        self,
        function: str,
        every: Length,
        *,
        start: Moment | None = None,
        data: Any = None,
        priority: int | None = None,
    ) -> ScheduleHandle:
        """Runs the function every so often: `every="1d"`. `start`: of the first run; None: the
        first run comes when `every` has passed for the first time. Raises `ServiceError` where the
        service refuses it; a function that does not exist yet it accepts."""
        interval = seconds_of(every)
        body = {
            "functionName": function,
            "interval": interval,
            "startTimestamp": self._clock.starting(interval if start is None else None, start),
            "data": data,
            "priority": priority,
        }
        given = {name: value for name, value in body.items() if value is not None}
        return self._schedule(self._service.create_schedule(given))

    def of(self, function: str) -> list[ScheduleHandle]:
        """The first 50 schedules of a function. Raises `UnknownFunction`."""
        found = self._find(f"{equals('functionName', function)}&limit(50)")
        if not found:
            self._access.require_function(function)
        return found

    def all(self) -> list[ScheduleHandle]:
        """The first 50 schedules of the server."""
        return self._find("limit(50)")

    def delete(self, schedule: ScheduleHandle | str) -> None:
        """The schedule, or its id. The tasks that it has made stay."""
        self._service.delete_schedule(id_of(schedule, ScheduleHandle, "schedule"))

    def _find(self, rql: str) -> list[ScheduleHandle]:
        return [self._schedule(one) for one in self._service.schedules(rql)]

    def _schedule(self, one: Json) -> ScheduleHandle:
        return ScheduleHandle(
            id=one["id"],
            function=one["functionName"],
            every=one["interval"],
            next=moment_of(one["nextTimestamp"]),
            data=one.get("data"),
            _schedules=self,
        )
