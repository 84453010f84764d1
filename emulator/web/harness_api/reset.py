"""/taskdock/reset: the server as it was before a test."""

from __future__ import annotations

from typing import Annotated, TypedDict, cast

from flask import request
from pydantic import Field, StrictStr

from taskdock.base import errors
from taskdock.base.errors import BadField
from taskdock.base.timing.harness_clock import Mode
from taskdock.tasks.agenda.driver import Driver
from taskdock.tasks.retention.reset import Reset
from taskdock.web.common import requests
from taskdock.web.common.requests import Wire
from taskdock.web.harness_api.endpoint import endpoint

GRACE = 5.0  # seconds


class NewReset(Wire):
    keep: tuple[StrictStr, ...] = ()
    """Names of what stays, as the answer has them."""
    grace: Annotated[float, Field(ge=0, le=900, allow_inf_nan=False)] = GRACE
    """Seconds that what runs has to finish; then it is ended."""
    mode: StrictStr | None = None
    """The mode of the clock from then on."""


class ResetJson(TypedDict):
    """How many of each have gone."""

    tasks: int
    schedules: int
    events: int
    subscriptions: int
    invocations: int
    apiRequests: int
    logLines: int
    runs: int
    doubles: int
    faults: int
    ended: int
    """Invocations that had not finished in time."""


class ResetViews:
    def __init__(self, reset: Reset, driver: Driver) -> None:
        """`driver`: of the clock, to give that a mode."""
        self._reset = reset
        self._driver = driver

    @endpoint(
        "POST",
        "/taskdock/reset",
        summary="Forget tasks, schedules, events and logs; functions and environments stay",
        answer=ResetJson,
        body=NewReset,
        body_optional=True,
        example={"grace": 5},
        errors=(errors.BadField, errors.TooManyWaits),
    )
    def reset(self) -> ResetJson:
        return self.run(requests.read(NewReset, request.get_data(), optional=True))

    def run(self, asked: NewReset) -> ResetJson:
        """Raises what `Reset.run` raises."""
        mode = None if asked.mode is None else self._mode(asked.mode)
        removed = self._reset.run(keep=asked.keep, grace=asked.grace)
        if mode is not None and self._driver.is_movable:
            self._driver.switch(mode)
        return cast(ResetJson, {name: removed.get(name, 0) for name in ResetJson.__annotations__})

    def _mode(self, name: str) -> Mode:
        """Raises `BadField` for no mode, and for one that this server's clock cannot have."""
        try:
            mode = Mode(name)
        except ValueError:
            modes = ", ".join(mode.value for mode in Mode)
            raise BadField(f"mode: there is no '{name[:40]}'; there are {modes}") from None
        if mode is not Mode.REAL and not self._driver.is_movable:
            raise BadField(
                f"mode: this server's clock is real and stays so; start it with --clock {name}"
            )
        return mode
