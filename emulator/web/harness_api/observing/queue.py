"""/taskdock/queue: the tasks that are new, in the order in which they will be claimed, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypedDict

from taskdock.base import errors
from taskdock.base.strict_json import IsoTime, ObjectId, SchemaPart, present
from taskdock.base.timing.clock import to_iso
from taskdock.tasks.invocations.event_queue import EventQueue, WaitingEvent
from taskdock.tasks.model import task_json
from taskdock.tasks.model.task import TaskErrorJson
from taskdock.tasks.model.task_json import TaskJson
from taskdock.tasks.queue.lineup import COUNTED, MOST, ComingRetry, Lineup, QueuePlace
from taskdock.tasks.queue.worker import Worker
from taskdock.web.harness_api.endpoint import endpoint
from taskdock.web.harness_api.observing.parameters import parameter, whole

USUAL = 50  # of each kind in an answer


class PlaceJson(TypedDict):
    task: TaskJson
    reason: Annotated[str, SchemaPart(description="why it comes here")]


class ComingRetryJson(TypedDict):
    task: TaskJson
    attempt: Annotated[int, SchemaPart(description="the number of the attempt that is to come")]
    failedTaskId: Annotated[ObjectId, SchemaPart(description="the task that is tried again")]
    error: Annotated[TaskErrorJson, SchemaPart(description="of that task")] | None


class WaitingEventJson(TypedDict):
    """An asynchronous event of the Lambda API that waits."""

    requestId: str
    functionName: str
    acceptedTimestamp: IsoTime
    dueTimestamp: IsoTime
    attempt: Annotated[int, SchemaPart(description="the number of the attempt that is to come")]


class NewTaskCountsJson(TypedDict):
    due: int
    waiting: int
    retries: int


class PlacesJson(TypedDict):
    """Tasks that may run side by side."""

    all: int
    taken: int


class QueueJson(TypedDict):
    now: IsoTime
    counts: Annotated[NewTaskCountsJson, SchemaPart(description=f"{COUNTED} stands for more, too")]
    places: PlacesJson
    due: Annotated[list[PlaceJson], SchemaPart(description="in the order of their claims")]
    waiting: Annotated[list[PlaceJson], SchemaPart(description="for their start time")]
    retries: Annotated[list[ComingRetryJson], SchemaPart(description="that wait for their delay")]
    events: list[WaitingEventJson]


@dataclass(frozen=True, kw_only=True)
class LineupParts:
    lineup: Lineup
    event_queue: EventQueue
    worker: Worker


class LineupViews:
    def __init__(self, parts: LineupParts) -> None:
        self._parts = parts

    @endpoint(
        "GET",
        "/taskdock/queue",
        summary="The queue in the order in which it will be claimed, and what waits for a time",
        answer=QueueJson,
        parameters=(
            parameter("limit", "integer", f"of each kind; {USUAL} unless given, {MOST} at most"),
        ),
        errors=(errors.BadField,),
    )
    def show(self) -> QueueJson:
        return self.first(whole("limit", least=1, most=MOST) or USUAL)

    def first(self, limit: int) -> QueueJson:
        """The first of each kind."""
        found, (places, taken) = self._parts.lineup.look(limit), self._parts.worker.places
        return {
            "now": to_iso(found.now),
            "counts": {
                "due": found.due_count,
                "waiting": found.waiting_count,
                "retries": found.retry_count,
            },
            "places": {"all": places, "taken": taken},
            "due": [_place(place) for place in found.due],
            "waiting": [_place(place) for place in found.waiting],
            "retries": [_retry(retry) for retry in found.retries],
            "events": [_event(event) for event in self._parts.event_queue.waiting(limit)],
        }


def _place(place: QueuePlace) -> PlaceJson:
    return {"task": task_json.to_json(place.task), "reason": place.reason}


def _retry(retry: ComingRetry) -> ComingRetryJson:
    shown: ComingRetryJson = {
        "task": task_json.to_json(retry.task),
        "attempt": retry.attempt,
        "failedTaskId": retry.failed,
        "error": None if retry.error is None else retry.error.to_json(),
    }
    return present(shown)


def _event(event: WaitingEvent) -> WaitingEventJson:
    return {
        "requestId": event.request,
        "functionName": event.function_name,
        "acceptedTimestamp": to_iso(event.accepted),
        "dueTimestamp": to_iso(event.due),
        "attempt": event.attempts + 1,
    }
