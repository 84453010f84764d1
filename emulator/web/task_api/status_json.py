"""The parts of `/status` and `/health` as JSON. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, TypedDict

from taskdock.base.health import Trouble
from taskdock.base.strict_json import IsoTime, ObjectId, SchemaPart, one_of, present
from taskdock.base.timing.clock import to_iso
from taskdock.lambdas.functions.images_in_use import ImageState, ImageUse
from taskdock.lambdas.invoke.run_record import RunKind
from taskdock.lambdas.lifecycle import State
from taskdock.lambdas.pool.waiters import Wait, WaitingCalls
from taskdock.lambdas.slot import EnvironmentReport, PastCall, PresentCall, PrewarmLevel
from taskdock.tasks.retention.retention import NAMES, Stored


class TroubleJson(TypedDict):
    name: str
    reason: str
    sinceTimestamp: IsoTime
    severity: Annotated[str, one_of("failing", "degraded")]


class HealthJson(TypedDict):
    status: Annotated[str, one_of("ok", "failing")]
    version: str | None
    environments: int | None
    troubles: list[TroubleJson] | None


class PresentCallJson(TypedDict):
    """The call that an environment has, or is started for."""

    kind: Annotated[str, one_of(*RunKind)]
    requestId: str
    taskId: ObjectId | None
    startTimestamp: IsoTime | None
    """When its time limit began; absent while the environment is started for it."""
    cold: bool


class PastCallJson(TypedDict):
    """The call that an environment has had last."""

    kind: Annotated[str, one_of(*RunKind)]
    requestId: str
    taskId: ObjectId | None
    endTimestamp: IsoTime
    duration: float
    """Milliseconds."""
    errorName: str | None
    cold: bool


class EnvironmentJson(TypedDict):
    functionName: str
    state: Annotated[str, one_of(*State)]
    memory: int
    idleSince: IsoTime | None
    id: str | None
    runtime: Annotated[str, SchemaPart(description="its id, or the function's image")] | None
    stateSince: IsoTime | None
    timeLimit: float | None
    """Seconds."""
    memoryUsed: Annotated[int, SchemaPart(description="MB that were used at most")] | None
    calls: Annotated[int, SchemaPart(description="how many have ended in it")] | None
    running: PresentCallJson | None
    last: PastCallJson | None


class PrewarmLevelJson(TypedDict):
    runtime: str
    memory: int
    count: int
    wanted: int


class WaitingCallsJson(TypedDict):
    functionName: str
    memory: int
    calls: int
    waitingSince: IsoTime
    reason: Annotated[str, one_of(*(wait.value for wait in Wait))]


class ImageUseJson(TypedDict):
    wanted: str
    state: Annotated[str, one_of(*ImageState)]
    image: str | None
    standInFor: str | None
    reason: str | None


class MemoryJson(TypedDict):
    """MB: all that environments may hold, and all that they hold."""

    budget: int
    held: int


class TasksJson(TypedDict):
    new: int
    inProgress: int


class StoredJson(TypedDict):
    size: Annotated[int, SchemaPart(description="bytes of the database that are in use")]
    fileSize: Annotated[int, SchemaPart(description="bytes of its file, free pages included")]
    logSize: Annotated[int, SchemaPart(description="bytes of its write-ahead log")]
    removed: Annotated[
        dict[str, int],
        SchemaPart(
            properties={name: {"type": "integer"} for name in NAMES},
            required=list(NAMES),
            additionalProperties=False,
            description="rows that were removed since the start",
        ),
    ]
    limit: Annotated[int, SchemaPart(description="bytes from which on the oldest go")] | None
    keepDays: Annotated[float, SchemaPart(description="days after which all goes")] | None
    oldestTimestamp: IsoTime | None


class HindrancesJson(TypedDict):
    waiting: list[WaitingCallsJson]
    memory: MemoryJson
    troubles: list[TroubleJson]


class StatusJson(HindrancesJson):
    """`tasks` and `stored` are left out while the database cannot be read."""

    version: str
    url: str
    startTimestamp: IsoTime
    environments: list[EnvironmentJson]
    prepared: list[PrewarmLevelJson]
    images: list[ImageUseJson]
    tasks: TasksJson | None
    stored: StoredJson | None


def stored_json(stored: Stored) -> StoredJson:
    shown: StoredJson = {
        "size": stored.size.used,
        "fileSize": stored.size.file,
        "logSize": stored.size.log,
        "removed": stored.removed,
        "limit": stored.limit or None,
        "keepDays": stored.days or None,
        "oldestTimestamp": None if stored.oldest is None else to_iso(stored.oldest),
    }
    return present(shown)


def troubles_json(troubles: Sequence[Trouble]) -> list[TroubleJson]:
    return [
        {
            "name": trouble.name,
            "reason": trouble.reason,
            "sinceTimestamp": to_iso(trouble.since),
            "severity": "degraded" if trouble.degraded else "failing",
        }
        for trouble in troubles
    ]


def image_json(use: ImageUse) -> ImageUseJson:
    """Without what is empty."""
    found = use.found
    shown: ImageUseJson = {
        "wanted": use.requested,
        "state": use.state.value,
        "reason": (use.reason if found is None else found.reason) or None,
        "image": (found and found.reference) or None,
        "standInFor": (found and found.stands_in_for) or None,
    }
    return present(shown)


def level_json(level: PrewarmLevel) -> PrewarmLevelJson:
    return PrewarmLevelJson(
        runtime=level.runtime, memory=level.memory, count=level.count, wanted=level.wanted
    )


def environment_json(report: EnvironmentReport, now: datetime, moment: float) -> EnvironmentJson:
    """`now` and `moment`: the time by the wall and by the monotonic clock."""
    slot, running, last = report.slot, report.present, report.past
    since = _wall_time(slot.since, now, moment)
    shown: EnvironmentJson = {
        "functionName": slot.function,
        "state": slot.state.value,
        "memory": slot.memory,
        "idleSince": since if slot.idle else None,
        "id": slot.id,
        "runtime": report.runtime or None,
        "stateSince": since,
        "timeLimit": slot.time_limit,
        "memoryUsed": math.ceil(report.peak / 2**20) or None,
        "calls": report.served,
        "running": None if running is None else _present_json(running, now, moment),
        "last": None if last is None else _past_json(last, now, moment),
    }
    return present(shown)


def _present_json(call: PresentCall, now: datetime, moment: float) -> PresentCallJson:
    shown: PresentCallJson = {
        "kind": call.kind,
        "requestId": call.request_id,
        "taskId": call.task_id,
        "startTimestamp": None if call.begun is None else _wall_time(call.begun, now, moment),
        "cold": call.cold,
    }
    return present(shown)


def _past_json(past: PastCall, now: datetime, moment: float) -> PastCallJson:
    shown: PastCallJson = {
        "kind": past.call.kind,
        "requestId": past.call.request_id,
        "taskId": past.call.task_id,
        "endTimestamp": _wall_time(past.ended, now, moment),
        "duration": round(past.milliseconds, 2),
        "errorName": past.error,
        "cold": past.call.cold,
    }
    return present(shown)


def waiting_json(calls: WaitingCalls, now: datetime, moment: float) -> WaitingCallsJson:
    return {
        "functionName": calls.function,
        "memory": calls.memory,
        "calls": calls.calls,
        "waitingSince": _wall_time(calls.since, now, moment),
        "reason": calls.why.value,
    }


def _wall_time(since: float, now: datetime, moment: float) -> str:
    """The wall-clock time of `since`, which is a time by the monotonic clock."""
    return to_iso(now - timedelta(seconds=moment - since))
