"""/events/v1: service events and their subscribers, close to the SDK's `events`. Views translate.

The SDK sends names such as event_types where others send eventTypes; both are understood.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, request

from emulator.base.machine.addresses import is_loopback
from emulator.base.timing.clock import to_iso
from emulator.lambdas.functions.function import check_name
from emulator.tasks.events.events import Events
from emulator.tasks.model import task_json
from emulator.tasks.model.subscription import Subscription
from emulator.web.common import listing, requests

Json = dict[str, Any]


def blueprint(events: Events) -> Blueprint:
    views = Blueprint("events", __name__)

    @views.get("/")
    def find() -> Json:
        return listing.answer(events.find, task_json.event_to_json)

    @views.get("/health")
    def health() -> Json:
        return {"status": "ok"}

    @views.get("/subscriptions")
    def subscriptions() -> Json:
        return listing.answer(events.subscriptions, _subscription_to_json)

    @views.post("/subscriptions")
    def subscribe() -> Json:
        wanted = requests.read(requests.NewSubscription, request.get_data())
        wanted.check()
        if wanted.function_name is not None:
            check_name(wanted.function_name)
        subscription = events.subscribe(
            wanted.event_types,
            function_name=wanted.function_name,
            url=wanted.url,
            from_loopback=is_loopback(request.remote_addr or ""),
            from_function=not request.remote_addr,
        )
        return _subscription_to_json(subscription)

    @views.delete("/subscriptions/<subscription_id>")
    def unsubscribe(subscription_id: str) -> Json:
        events.unsubscribe(subscription_id)
        return {"affectedRecords": 1}

    return views


def _subscription_to_json(subscription: Subscription) -> Json:
    shown: Json = {
        "id": subscription.id,
        "eventTypes": list(subscription.event_types),
        "functionName": subscription.function_name,
        "url": subscription.url,
        "creationTimestamp": to_iso(subscription.creation_timestamp),
        "updateTimestamp": to_iso(subscription.update_timestamp),
    }
    return {key: value for key, value in shown.items() if value is not None}
