"""/taskdock/reset: the server as it was before a test."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypedDict, cast

from flask import request
from pydantic import Field, StrictStr

from taskdock.base import errors
from taskdock.base.errors import BadField
from taskdock.tasks.retention.reset import Reset
from taskdock.web.common import requests
from taskdock.web.common.requests import Wire
from taskdock.web.harness_api.endpoint import endpoint

GRACE = 5.0  # seconds
MODES = ("real", "manual", "auto")


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
    def __init__(self, reset: Reset, switch_clock: Callable[[str], object] | None = None) -> None:
        """`switch_clock` gives the clock a mode; None: this server's cannot be switched."""
        self._reset = reset
        self._switch_clock = switch_clock

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
        asked = requests.read(NewReset, request.get_data(), optional=True)
        self._check_mode(asked.mode)
        removed = self._reset.run(keep=asked.keep, grace=asked.grace)
        if asked.mode is not None and self._switch_clock is not None:
            self._switch_clock(asked.mode)
        return cast(ResetJson, {name: removed.get(name, 0) for name in ResetJson.__annotations__})

    def _check_mode(self, mode: str | None) -> None:
        if mode is None:
            return
        if mode not in MODES:
            raise BadField(f"mode: there is no '{mode[:40]}'; there are {', '.join(MODES)}")
        if self._switch_clock is None and mode != "real":
            raise BadField(
                f"mode: this server's clock is real and stays so; start it with --clock {mode}"
            )
