"""The parts of `/status` and `/health` as JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, TypedDict

from taskdock.base.health import Trouble
from taskdock.base.strict_json import IsoTime, SchemaPart, one_of, present
from taskdock.base.timing.clock import to_iso
from taskdock.lambdas.functions.images_in_use import ImageState, ImageUse
from taskdock.lambdas.lifecycle import State
from taskdock.lambdas.pool.waiters import Wait, WaitingCalls
from taskdock.lambdas.slot import PrewarmLevel, Slot
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


class EnvironmentJson(TypedDict):
    functionName: str
    state: Annotated[str, one_of(*State)]
    memory: int
    idleSince: IsoTime | None


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


class StatusJson(TypedDict):
    """`tasks` and `stored` are left out while the database cannot be read."""

    version: str
    url: str
    startTimestamp: IsoTime
    environments: list[EnvironmentJson]
    prepared: list[PrewarmLevelJson]
    waiting: list[WaitingCallsJson]
    images: list[ImageUseJson]
    memory: MemoryJson
    troubles: list[TroubleJson]
    tasks: TasksJson | None
    stored: StoredJson | None


class HindrancesJson(TypedDict):
    waiting: list[WaitingCallsJson]
    memory: MemoryJson
    troubles: list[TroubleJson]


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
    return {
        "runtime": level.runtime,
        "memory": level.memory,
        "count": level.count,
        "wanted": level.wanted,
    }


def environment_json(slot: Slot, now: datetime, moment: float) -> EnvironmentJson:
    """`now` and `moment`: the time by the wall and by the monotonic clock."""
    shown: EnvironmentJson = {
        "functionName": slot.function,
        "state": slot.state.value,
        "memory": slot.memory,
        "idleSince": _wall_time(slot.since, now, moment) if slot.idle else None,
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
