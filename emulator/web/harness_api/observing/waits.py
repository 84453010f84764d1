"""/taskdock/tasks/<id>/wait: waits for a task and its retries. `tasks.agenda.task_waits` does."""

from __future__ import annotations

import math
from typing import Annotated, TypedDict

from flask import request

from taskdock.base.errors import BadField, ClockRunsOn, EndlessWait, TooManyWaits
from taskdock.base.strict_json import Json, SchemaPart
from taskdock.tasks.agenda.task_waits import TaskWaits
from taskdock.tasks.model import task_json
from taskdock.tasks.model.task_json import TaskJson
from taskdock.web.common.descriptions import BY_ID
from taskdock.web.harness_api.endpoint import endpoint

_USUAL, _LONGEST = 30.0, 900.0  # seconds

_TIMEOUT: Json = {
    "name": "timeout",
    "in": "query",
    "description": "Seconds of real time that the call waits at most, 30 unless it is given.",
    "schema": {"type": "number", "minimum": 0, "maximum": _LONGEST},
}


class WaitedJson(TypedDict):
    attempts: Annotated[list[TaskJson], SchemaPart(description="the oldest first")]
    ended: Annotated[bool, SchemaPart(description="false: the timeout was over before")]


class WaitViews:
    def __init__(self, waits: TaskWaits) -> None:
        self._waits = waits

    @endpoint(
        "GET",
        "/taskdock/tasks/<task_id>/wait",
        summary="Wait until a task and all its retries have ended",
        answer=WaitedJson,
        parameters=(_TIMEOUT,),
        errors=(*BY_ID, BadField, ClockRunsOn, EndlessWait, TooManyWaits),
    )
    def wait(self, task_id: str) -> WaitedJson:
        waited = self._waits.wait(task_id, _timeout(request.args.get("timeout")))
        return {
            "attempts": [task_json.to_json(task) for task in waited.attempts],
            "ended": waited.ended,
        }


def _timeout(given: str | None) -> float:
    if given is None:
        return _USUAL
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not 0 <= seconds <= _LONGEST:
        raise BadField(f"timeout: '{given[:40]}' is no number of seconds from 0 to {_LONGEST:g}")
    return seconds
