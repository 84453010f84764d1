"""Events: service events, who is told of them, and the attempts to tell webhooks."""

from __future__ import annotations

import json
from typing import Any

from flask import Response, request

from taskdock.base.errors import TaskdockError
from taskdock.base.machine.addresses import is_loopback
from taskdock.store.query.model import And, Compare, Condition, In, Or, Query, Sort
from taskdock.tasks.model import subscription, task_json
from taskdock.tasks.model.subscription import ServiceEvent
from taskdock.web.common import requests
from taskdock.web.harness_api.api import HarnessApi
from taskdock.web.harness_api.observing.deliveries import USUAL, DeliveryViews
from taskdock.web.task_api import events as api
from taskdock.web.task_api.api import TaskApi
from taskdock.web.task_api.events import NewSubscription
from taskdock.web.ui.page import ROOT, action, page
from taskdock.web.ui.pages.queue.tasks import names
from taskdock.web.ui.rendering import responses
from taskdock.web.ui.rendering.said import done, may, refused
from taskdock.web.ui.shown.addresses import without_query
from taskdock.web.ui.shown.keys import Key, after, key_of

PAGE = f"{ROOT}events"
_AT_A_TIME = 25
_MOST_SUBSCRIPTIONS = 100
_DISPATCHERS = ("/dispatchers/v1", "/dispatchers/v1/")


class EventPageViews:
    def __init__(self, tasks: TaskApi, harness: HarnessApi) -> None:
        self._tasks = tasks
        self._harness = harness

    @page(PAGE, permission="VIEW_EVENTS")
    def events(self) -> Response:
        return responses.html(
            "events.html",
            may=may,
            functions=names(self._tasks),
            **self._events(),
            **(self._subscribed() if may("VIEW_SUBSCRIPTIONS") else {}),
        )

    @page(f"{PAGE}/list", permission="VIEW_EVENTS")
    def listed(self) -> Response:
        return responses.html("events_list.html", may=may, **self._events())

    @page(f"{PAGE}/subscriptions", permission="VIEW_SUBSCRIPTIONS")
    def subscriptions(self) -> Response:
        return responses.html("events_subscribed.html", may=may, **self._subscribed())

    @action(f"{PAGE}/subscriptions", permission="CREATE_SUBSCRIPTIONS")
    def subscribe(self) -> Response:
        form = request.form
        try:
            body = {
                "eventTypes": form.getlist("type"),
                "functionName": form.get("function", "").strip() or None,
                "url": form.get("url", "").strip() or None,
            }
            asked = requests.read(NewSubscription, json.dumps(body).encode())
            asked.check()
            made = self._tasks.events.subscribe(
                asked.event_types,
                function_name=asked.function_name,
                url=asked.url,
                from_loopback=is_loopback(request.remote_addr or ""),
                from_function=not request.remote_addr,
            )
        except TaskdockError as error:
            return refused(error, back=PAGE)
        return done(f"Subscribed {made.function_name or made.url}", back=PAGE)

    @action(f"{PAGE}/subscriptions/<subscription_id>/delete", permission="CREATE_SUBSCRIPTIONS")
    def unsubscribe(self, subscription_id: str) -> Response:
        try:
            self._tasks.events.unsubscribe(subscription_id)
        except TaskdockError as error:
            return refused(error, back=PAGE)
        return done("Deleted the subscription", back=PAGE)

    def _events(self) -> dict[str, Any]:
        wanted, key = request.args.get("type", ""), after(request.args.get("after", ""))
        found, _ = self._tasks.events.find(
            Query(
                where=_where(wanted, key),
                sort=(Sort(("creationTimestamp",), descending=True),),
                limit=_AT_A_TIME + 1,
                skip_count=True,
            )
        )
        events, more = found[:_AT_A_TIME], found[_AT_A_TIME:]
        return {
            "types": subscription.TYPES,
            "wanted": wanted,
            "after": request.args.get("after", ""),
            "older": key_of(events[-1].creation_timestamp, events[-1].id) if more else "",
            "events": [_shown(event) for event in events],
        }

    def _subscribed(self) -> dict[str, Any]:
        query = Query(limit=_MOST_SUBSCRIPTIONS, skip_count=True)
        found, _ = self._tasks.events.subscriptions(query)
        shown = [api.to_json(each) for each in found]
        doubles = self._harness.doubles.doubles.list()
        return {
            "subscriptions": shown,
            "deliveries": DeliveryViews(self._harness.deliveries).latest(USUAL),
            "address": without_query if responses.presents() else str,
            "dispatchers": [
                each
                for each in doubles
                if any(
                    each.behaviour.could(verb, path)
                    for verb in ("GET", "POST")
                    for path in _DISPATCHERS
                )
            ],
        }


def _where(wanted: str, key: Key | None) -> Condition | None:
    """Events of this type that are older than those shown already. Raises `BadQuery`."""
    conditions: list[Condition] = [In(("type",), (wanted,))] if wanted else []
    if key is not None:
        made = ("creationTimestamp",)
        older = Or((Compare(made, "lt", key.moment), Compare(("id",), "lt", key.id)))
        conditions += [Compare(made, "le", key.moment), older]
    return And(tuple(conditions)) if conditions else None


def _shown(event: ServiceEvent) -> dict[str, Any]:
    shown: dict[str, Any] = {**task_json.event_to_json(event)}
    if responses.presents():  # a room sees no ids
        shown["content"] = {name: each for name, each in event.content.items() if name != "id"}
    return shown
