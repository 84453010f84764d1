"""/taskdock/clock: the clock of a server, shown and moved. `tasks.agenda.driver` moves it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Annotated, Any, Literal, TypedDict

from flask import request
from pydantic import Field

from taskdock.base.errors import (
    BadField,
    ClockIsReal,
    ClockRunsOn,
    ClockSetBack,
    MissingFields,
    TooManyWaits,
    Unavailable,
)
from taskdock.base.strict_json import IsoTime, SchemaPart, one_of, present
from taskdock.base.timing import durations
from taskdock.base.timing.clock import to_iso
from taskdock.base.timing.harness_clock import Mode
from taskdock.tasks.agenda.agenda import Due
from taskdock.tasks.agenda.driver import Driver
from taskdock.web.common import requests
from taskdock.web.common.requests import Moment, Wire
from taskdock.web.harness_api.endpoint import endpoint

_LATEST = datetime(2100, 1, 1, tzinfo=timezone.utc)  # later ones do not fit into ids
_VERBS = ("advance", "moveTo", "runUntilIdle", "mode")


class ClockMove(Wire):
    advance: Annotated[Any, Field(description='seconds, or a text such as "7d" or "1h30m"')] = None
    move_to: Moment | None = None
    run_until_idle: Literal[True] | None = None
    mode: Mode | None = None


class DueJson(TypedDict):
    at: IsoTime
    kind: Annotated[str, SchemaPart(description="task, retry, schedule, event or delivery")]
    functionName: str | None
    id: str


class ClockJson(TypedDict):
    mode: Annotated[str, one_of(*Mode)]
    now: IsoTime
    running: Annotated[int, SchemaPart(description="how many pieces of work run now")]
    due: list[DueJson]


class ClockViews:
    def __init__(self, driver: Driver) -> None:
        self._driver = driver

    @endpoint(
        "GET",
        "/taskdock/clock",
        summary="The time of tasks and schedules, and what is due when",
        answer=ClockJson,
    )
    def show(self) -> ClockJson:
        return clock_json(self._driver)

    @endpoint(
        "POST",
        "/taskdock/clock",
        summary="Let time pass, or change how it does",
        answer=ClockJson,
        body=ClockMove,
        example={"advance": "7d"},
        errors=(ClockIsReal, ClockRunsOn, ClockSetBack, TooManyWaits, Unavailable),
    )
    def move(self) -> ClockJson:
        return self.move_by(requests.read(ClockMove, request.get_data()))

    def move_by(self, asked: ClockMove) -> ClockJson:
        """Raises what `Driver.move_to` raises, and `BadField`."""
        verbs = {
            "advance": asked.advance,
            "moveTo": asked.move_to,
            "runUntilIdle": asked.run_until_idle,
            "mode": asked.mode,
        }
        given = [name for name, value in verbs.items() if value is not None]
        if len(given) != 1:
            raise (BadField if given else MissingFields)(
                f"give exactly one of {', '.join(_VERBS)};"
                f" given are {' and '.join(given) or 'none'}"
            )
        self._do(asked)
        return self.show()

    def _do(self, asked: ClockMove) -> None:
        driver = self._driver
        if asked.mode is not None:
            driver.switch(asked.mode)
        elif asked.run_until_idle:
            driver.run_until_idle()
        elif asked.move_to is not None:
            driver.move_to(_checked("moveTo", asked.move_to))
        else:
            try:
                time = durations.parse(asked.advance)
                _checked("advance", driver.now + time)
            except OverflowError:
                raise BadField(_TOO_FAR.format("advance")) from None
            except ValueError as error:
                raise BadField(f"advance: {error}") from None
            driver.advance(time)


def clock_json(driver: Driver) -> ClockJson:
    return {
        "mode": driver.mode.value,
        "now": to_iso(driver.now),
        "running": driver.agenda.look().running,
        "due": [_due_json(due) for due in driver.agenda.due()],
    }


_TOO_FAR = "{}: that is beyond the year 2099, and times here end with it"


def _checked(field: str, moment: datetime) -> datetime:
    if moment >= _LATEST:
        raise BadField(_TOO_FAR.format(field))
    return moment


def _due_json(due: Due) -> DueJson:
    shown: DueJson = {
        "at": to_iso(due.at),
        "kind": due.kind,
        "functionName": due.function_name,
        "id": due.id,
    }
    return present(shown)
