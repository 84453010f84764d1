"""/taskdock/deliveries: service events on their way to webhooks, and the attempts to bring them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypedDict

from taskdock.base import errors
from taskdock.base.strict_json import IsoTime, ObjectId, SchemaPart, one_of, present
from taskdock.base.timing.clock import to_iso
from taskdock.tasks.events.delivery_log import MOST, AttemptResult, DeliveryAttempt, DeliveryLog
from taskdock.tasks.events.outbox import Outbox, PendingDelivery
from taskdock.web.harness_api.endpoint import endpoint
from taskdock.web.harness_api.observing.parameters import parameter, whole

USUAL = 50  # of each kind in an answer


class PendingDeliveryJson(TypedDict):
    id: int
    eventId: ObjectId
    subscriptionId: ObjectId
    url: str
    attempts: Annotated[int, SchemaPart(description="those that failed")]
    dueTimestamp: IsoTime
    underWay: Annotated[bool, SchemaPart(description="whether the webhook is called now")]


class DeliveryAttemptJson(TypedDict):
    number: Annotated[int, SchemaPart(description="grows with each attempt of any delivery")]
    timestamp: IsoTime
    eventId: ObjectId
    url: str
    attempt: Annotated[int, SchemaPart(description="of this delivery, from 1 on")]
    result: Annotated[str, one_of(*AttemptResult)]
    status: Annotated[int, SchemaPart(description="of the webhook's answer")] | None
    error: str | None


class DeliveriesJson(TypedDict):
    pending: Annotated[list[PendingDeliveryJson], SchemaPart(description="by their next attempt")]
    attempts: Annotated[list[DeliveryAttemptJson], SchemaPart(description="the newest first")]


@dataclass(frozen=True, kw_only=True)
class DeliveryParts:
    outbox: Outbox
    log: DeliveryLog


class DeliveryViews:
    def __init__(self, parts: DeliveryParts) -> None:
        self._parts = parts

    @endpoint(
        "GET",
        "/taskdock/deliveries",
        summary="The deliveries of service events to webhooks, and the attempts at them",
        answer=DeliveriesJson,
        parameters=(
            parameter("limit", "integer", f"of each kind; {USUAL} unless given, {MOST} at most"),
        ),
        errors=(errors.BadField,),
    )
    def show(self) -> DeliveriesJson:
        return self.latest(whole("limit", least=1, most=MOST) or USUAL)

    def latest(self, limit: int) -> DeliveriesJson:
        return {
            "pending": [_pending(delivery) for delivery in self._parts.outbox.pending(limit)],
            "attempts": [_attempt(attempt) for attempt in self._parts.log.latest(limit)],
        }


def _pending(delivery: PendingDelivery) -> PendingDeliveryJson:
    return {
        "id": delivery.id,
        "eventId": delivery.event,
        "subscriptionId": delivery.subscription,
        "url": delivery.url,
        "attempts": delivery.attempts,
        "dueTimestamp": to_iso(delivery.due),
        "underWay": delivery.is_made,
    }


def _attempt(attempt: DeliveryAttempt) -> DeliveryAttemptJson:
    shown: DeliveryAttemptJson = {
        "number": attempt.number,
        "timestamp": to_iso(attempt.at),
        "eventId": attempt.event,
        "url": attempt.url,
        "attempt": attempt.attempt,
        "result": attempt.result.value,
        "status": attempt.status,
        "error": attempt.error,
    }
    return present(shown)
