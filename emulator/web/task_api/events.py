"""/events/v1: service events and their subscribers, close to the SDK's `events`. Views translate.

The SDK sends names such as event_types where others send eventTypes; both are understood.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, TypedDict

from flask import request
from pydantic import ConfigDict, Field, StrictStr

from taskdock.base import errors
from taskdock.base.errors import BadField
from taskdock.base.machine.addresses import is_loopback
from taskdock.base.strict_json import IsoTime, Json, ObjectId, present
from taskdock.base.timing.clock import to_iso
from taskdock.lambdas.functions.function import check_name
from taskdock.store.query.fields import EVENT_FIELDS, SUBSCRIPTION_FIELDS
from taskdock.tasks.events.events import Events
from taskdock.tasks.model import subscription, task_json
from taskdock.tasks.model.subscription import Subscription
from taskdock.tasks.model.task_json import EventJson
from taskdock.web.common import listing, requests
from taskdock.web.common.descriptions import BY_ID
from taskdock.web.common.endpoint import Endpoint, Gate, Page
from taskdock.web.common.listing import AffectedRecordsJson
from taskdock.web.common.requests import Wire
from taskdock.web.task_api.status_json import HealthJson

endpoint = partial(Endpoint, tag="Events")


class NewSubscription(Wire):
    """A function or a webhook that wants events. `functionName` and `url` are taskdock's own."""

    model_config = ConfigDict(populate_by_name=True)  # the SDK sends event_types

    event_types: Annotated[list[StrictStr], Field(min_length=1)]
    function_name: StrictStr | None = None
    url: StrictStr | None = None

    @classmethod
    def also_missing(cls, given: Json) -> list[str]:
        names = ("functionName", "function_name", "url")
        has_one = any(given.get(name) is not None for name in names)
        return [] if has_one else ["functionName, or url for a webhook"]

    def check(self) -> None:
        """Raises `BadField` or `BadFunctionName`."""
        unknown = sorted(set(self.event_types) - set(subscription.TYPES))
        if unknown:
            known = ", ".join(subscription.TYPES)
            raise BadField(f"eventTypes: there is no {', '.join(unknown)[:80]}; known: {known}")
        if self.function_name is not None and self.url is not None:
            raise BadField("give functionName or url, not both")
        if self.function_name is not None:
            check_name(self.function_name)


class SubscriptionJson(TypedDict):
    id: ObjectId
    eventTypes: list[str]
    creationTimestamp: IsoTime
    updateTimestamp: IsoTime
    functionName: str | None
    url: str | None


class EventViews:
    def __init__(self, events: Events) -> None:
        self._events = events

    @endpoint(
        "GET",
        "/events/v1/",
        permission="VIEW_EVENTS",
        summary="List service events",
        answer=Page(EventJson),
        query=EVENT_FIELDS,
    )
    def find(self) -> Json:
        return listing.answer(self._events.find, task_json.event_to_json)

    @endpoint(
        "GET",
        "/events/v1/health",
        permission=Gate.ANYONE,
        summary="Whether the event service is there",
        answer=HealthJson,
    )
    def health(self) -> HealthJson:
        shown: HealthJson = {
            "status": "ok",
            "version": None,
            "environments": None,
            "troubles": None,
        }
        return present(shown)

    @endpoint(
        "GET",
        "/events/v1/subscriptions",
        permission="VIEW_SUBSCRIPTIONS",
        summary="List who is told of events",
        answer=Page(SubscriptionJson),
        query=SUBSCRIPTION_FIELDS,
    )
    def subscriptions(self) -> Json:
        return listing.answer(self._events.subscriptions, to_json)

    @endpoint(
        "POST",
        "/events/v1/subscriptions",
        permission="CREATE_SUBSCRIPTIONS",
        summary="Have a function or a webhook told of events: functionName or url, not both",
        answer=SubscriptionJson,
        body=NewSubscription,
        example={"eventTypes": ["task_failed"], "functionName": "hello-world-python"},
        errors=(errors.BadFunctionName, errors.AlreadyExists),
    )
    def subscribe(self) -> SubscriptionJson:
        asked = requests.read(NewSubscription, request.get_data())
        asked.check()
        made = self._events.subscribe(
            asked.event_types,
            function_name=asked.function_name,
            url=asked.url,
            from_loopback=is_loopback(request.remote_addr or ""),
            from_function=not request.remote_addr,
        )
        return to_json(made)

    @endpoint(
        "DELETE",
        "/events/v1/subscriptions/<subscription_id>",
        permission="CREATE_SUBSCRIPTIONS",  # the service names no other
        summary="End a subscription",
        answer=AffectedRecordsJson,
        errors=BY_ID,
    )
    def unsubscribe(self, subscription_id: str) -> AffectedRecordsJson:
        self._events.unsubscribe(subscription_id)
        return listing.affected()


def to_json(subscription: Subscription) -> SubscriptionJson:
    shown: SubscriptionJson = {
        "id": subscription.id,
        "eventTypes": list(subscription.event_types),
        "functionName": subscription.function_name,
        "url": subscription.url,
        "creationTimestamp": to_iso(subscription.creation_timestamp),
        "updateTimestamp": to_iso(subscription.update_timestamp),
    }
    return present(shown)
