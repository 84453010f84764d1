"""/taskdock/counts, /ended and /log: what a glance at the whole server shows, cheap to ask for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypedDict

from taskdock.base import errors
from taskdock.base.strict_json import IsoTime, Json, ObjectId, SchemaPart, one_of, present
from taskdock.base.timing.clock import to_iso
from taskdock.lambdas.invoke.run_record import RunKind
from taskdock.tasks.logs import tail
from taskdock.tasks.logs.tail import LogTail, TailLine
from taskdock.tasks.model.task import Status
from taskdock.tasks.queue.counts import Counts, TaskCounts
from taskdock.tasks.runs import ended
from taskdock.tasks.runs.ended import EndedLately, EndedRunFacts
from taskdock.web.harness_api.endpoint import endpoint
from taskdock.web.harness_api.observing.parameters import parameter, whole

_USUAL = 20
_LONGEST = 4000  # characters of a line


@dataclass(frozen=True, kw_only=True)
class Glances:
    """The parts of a server that a glance shows."""

    counts: TaskCounts
    ended: EndedLately
    tail: LogTail


class CountsJson(TypedDict):
    """Tasks by their status."""

    new: int
    inProgress: int
    complete: int
    failed: int
    retried: int
    canceled: int
    countedTimestamp: Annotated[
        IsoTime, SchemaPart(description="when all were counted last; the numbers move on since")
    ]


class EndedJson(TypedDict):
    at: IsoTime
    kind: Annotated[str, one_of(*RunKind)]
    taskId: ObjectId | None
    requestId: str | None
    functionName: str
    result: Annotated[str, one_of(*Status)]
    errorName: str | None
    duration: float | None
    """Milliseconds; absent where nothing has begun."""
    cold: bool


class AllEndedJson(TypedDict):
    data: list[EndedJson]
    """The newest first."""


class TailLineJson(TypedDict):
    sequence: int
    """Grows with each line that is written."""
    timestamp: IsoTime
    functionName: str | None
    """Absent where what printed it is not known any more."""
    message: str
    cut: Annotated[bool, SchemaPart(description=f"whether it goes on, over {_LONGEST} characters")]


class LogTailJson(TypedDict):
    data: list[TailLineJson]
    """In their order."""


def _limit(most: int) -> Json:
    about = f"{_USUAL} unless given, {most} at most"
    return parameter("limit", "integer", about, minimum=1, maximum=most)


class GlanceViews:
    def __init__(self, glances: Glances) -> None:
        self._glances = glances

    @endpoint(
        "GET",
        "/taskdock/counts",
        summary="Count all tasks by status; it costs next to nothing, however many there are",
        answer=CountsJson,
    )
    def counts(self) -> CountsJson:
        return counts_json(self._glances.counts.read())

    @endpoint(
        "GET",
        "/taskdock/ended",
        summary="List what has ended lately: tasks, executions, API requests, invocations",
        answer=AllEndedJson,
        parameters=(_limit(ended.MOST),),
        errors=(errors.BadField,),
    )
    def ended(self) -> AllEndedJson:
        latest = self._glances.ended.latest(whole("limit", least=1, most=ended.MOST) or _USUAL)
        return {"data": [ended_json(each) for each in latest]}

    @endpoint(
        "GET",
        "/taskdock/log",
        summary="Show the newest log lines of all functions together",
        answer=LogTailJson,
        parameters=(_limit(tail.MOST),),
        errors=(errors.BadField,),
    )
    def log(self) -> LogTailJson:
        lines = self._glances.tail.newest(
            whole("limit", least=1, most=tail.MOST) or _USUAL, characters=_LONGEST
        )
        return {"data": [line_json(line) for line in lines]}


def counts_json(counts: Counts) -> CountsJson:
    return {
        "new": counts.of[Status.NEW],
        "inProgress": counts.of[Status.IN_PROGRESS],
        "complete": counts.of[Status.COMPLETE],
        "failed": counts.of[Status.FAILED],
        "retried": counts.of[Status.RETRIED],
        "canceled": counts.of[Status.CANCELED],
        "countedTimestamp": to_iso(counts.at),
    }


def ended_json(facts: EndedRunFacts) -> EndedJson:
    shown: EndedJson = {
        "at": to_iso(facts.at),
        "kind": facts.kind,
        "taskId": facts.task_id,
        "requestId": facts.request_id,
        "functionName": facts.function,
        "result": facts.result.value,
        "errorName": facts.error,
        "duration": facts.milliseconds,
        "cold": facts.cold,
    }
    return present(shown)


def line_json(line: TailLine) -> TailLineJson:
    shown: TailLineJson = {
        "sequence": line.number,
        "timestamp": to_iso(line.at),
        "functionName": line.function or None,
        "message": line.message,
        "cut": line.is_cut,
    }
    return present(shown)
