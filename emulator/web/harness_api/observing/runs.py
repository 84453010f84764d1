"""/taskdock/runs: the runs of functions that are kept, and their replay."""

from __future__ import annotations

from typing import Any, TypedDict

from flask import request
from pydantic import StrictStr

from taskdock.base import errors
from taskdock.base.errors import BadField
from taskdock.base.strict_json import Json
from taskdock.tasks.runs.history import MOST, RunHistory
from taskdock.tasks.runs.recording import read_recording
from taskdock.tasks.runs.replay import Replay
from taskdock.tasks.runs.run_json import RunJson
from taskdock.web.common import requests
from taskdock.web.common.descriptions import BY_ID
from taskdock.web.common.requests import Wire
from taskdock.web.harness_api.endpoint import endpoint
from taskdock.web.harness_api.observing.parameters import parameter, whole

_USUAL = 100  # runs in an answer
_MOST_TASKS = 100
_LARGEST = 2**63 - 1  # a number that SQLite keeps


class RunsJson(TypedDict):
    data: list[RunJson]
    """In the order in which they ended."""
    last: int
    """To go on from, as `since`."""


class DurationsJson(TypedDict):
    durations: dict[str, float]
    """Milliseconds by the task's id; a task whose run is not kept is left out."""


class ReplayRequest(Wire):
    """Either a run that is kept, or the content of a file that `taskdock runs save` wrote."""

    run: StrictStr | None = None
    recording: dict[str, Any] | None = None

    @classmethod
    def also_missing(cls, given: Json) -> list[str]:
        has_one = given.get("run") is not None or given.get("recording") is not None
        return [] if has_one else ["run (an id), or recording (a saved run)"]

    def check(self) -> None:
        """Raises `BadField`."""
        if self.run is not None and self.recording is not None:
            raise BadField("give run or recording, not both")


class ReplayedJson(TypedDict):
    before: dict[str, Any]
    """The run that was replayed."""
    after: dict[str, Any]
    """The run by which it was."""
    same: bool
    """Whether both have the same answer, or the same error."""
    difference: list[str]
    """A line for each place that differs: `/legs/0: 4 -> 5`."""


class RunViews:
    def __init__(self, history: RunHistory, replay: Replay) -> None:
        self._history = history
        self._replay = replay

    @endpoint(
        "GET",
        "/taskdock/runs",
        summary="List the runs of functions: event, answer, error and log of each",
        answer=RunsJson,
        parameters=(
            parameter("since", "integer", "runs with a higher sequence alone; else the newest"),
            parameter("functionName", "string", "runs of this function alone"),
            parameter("taskId", "string", "runs of this task alone"),
            parameter("requestId", "string", "runs of this request alone"),
            parameter("failed", "boolean", "runs with an error alone"),
            parameter("limit", "integer", f"{_USUAL} unless given, {MOST} at most"),
        ),
        errors=(errors.BadField,),
    )
    def find(self) -> RunsJson:
        given = request.args
        found, last = self._history.find(
            since=whole("since", least=0, most=_LARGEST),
            function=given.get("functionName"),
            task=given.get("taskId"),
            request=given.get("requestId"),
            failed=requests.truth("failed", given.get("failed")),
            limit=whole("limit", least=1, most=MOST) or _USUAL,
        )
        return {"data": found, "last": last}

    @endpoint(
        "GET",
        "/taskdock/runs/durations",
        summary="How long the runs of tasks took, for lists of tasks",
        answer=DurationsJson,
        parameters=(
            parameter("taskId", "string", f"repeat it for more tasks, {_MOST_TASKS} at most"),
        ),
        errors=(errors.BadField,),
    )
    def durations(self) -> DurationsJson:
        tasks = request.args.getlist("taskId")
        if len(tasks) > _MOST_TASKS:
            raise BadField(f"taskId: {len(tasks)} of them are given, over {_MOST_TASKS}")
        return {"durations": self._history.durations(tasks)}

    @endpoint(
        "GET",
        "/taskdock/runs/<run_id>",
        summary="One run",
        answer=RunJson,
        errors=BY_ID,
    )
    def get(self, run_id: str) -> RunJson:
        return self._history.get(run_id)

    @endpoint(
        "POST",
        "/taskdock/runs/replay",
        summary="Give the event of a run to its function as that is now, and compare the results",
        answer=ReplayedJson,
        body=ReplayRequest,
        example={"run": "67a1f0c2d3e4f5a6b7c8d9e0"},
        errors=(
            *(errors.BadId, errors.NotFound, errors.BadFunctionName, errors.IllegalState),
            *(errors.TooManyExecutions, errors.Unavailable),
        ),
    )
    def replay(self) -> ReplayedJson:
        return self.replay_of(requests.read(ReplayRequest, request.get_data()))

    def replay_of(self, asked: ReplayRequest) -> ReplayedJson:
        """Raises what `Replay.run` raises, and `NotFound`."""
        asked.check()
        if asked.run is not None:
            before: Any = self._history.get(asked.run)
        else:
            before = read_recording(asked.recording)
        replayed = self._replay.run(before)
        return {
            "before": replayed.before,
            "after": replayed.after,
            "same": not replayed.difference,
            "difference": replayed.difference,
        }
