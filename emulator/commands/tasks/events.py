"""The commands of service events and their subscriptions."""

from __future__ import annotations

import click

from taskdock.client.api import Json, TaskService
from taskdock.client.console import options, output, times
from taskdock.client.console.groups import Group
from taskdock.client.console.tables import values
from taskdock.client.console.tables.layout import Column, Fit
from taskdock.commands.harness.generate import generate

_COLUMNS = (
    Column("Type", rank=3),
    Column("Time (UTC)", rank=1, fit=Fit.WHOLE),
    Column("Function", rank=2),
    Column("Task"),
    Column("Error", rank=4, fit=Fit.BELOW),
)


@click.group(cls=Group)
def events() -> None:
    """List service events such as task_failed, and choose who is told of them.

    "generate" prints samples of events of all kinds, for functions to be tried with.
    """


events.add_command(generate)


@events.command("list")
@click.option("--limit", type=click.IntRange(1, 50), default=20, show_default=True)
@options.as_json
@options.service
def list_events(limit: int, as_json: bool, service: TaskService) -> None:
    """List service events, the newest first."""
    found = service.events(f"sort(-creationTimestamp)&limit({limit})")
    today = times.today(service) if found and not as_json else ""
    output.listing(
        found,
        as_json=as_json,
        columns=_COLUMNS,
        row=lambda one: [
            one["type"],
            values.moment(one["creationTimestamp"], today),
            one["content"]["functionName"],
            one["content"]["id"],
            values.error(one["content"].get("error")),
        ],
        empty="no events yet: no task has failed",
    )


@events.command("subscriptions")
@options.as_json
@options.service
def list_subscriptions(as_json: bool, service: TaskService) -> None:
    """List who is told of which events."""
    output.listing(
        service.subscriptions("limit(50)"),
        as_json=as_json,
        columns=("Id", "Types", "Subscriber"),
        row=lambda one: [
            one["id"],
            ", ".join(one["eventTypes"]),
            one.get("functionName") or one.get("url"),
        ],
        empty="no subscriptions; add one with: taskdock events subscribe task_failed FUNCTION",
    )


@events.command("subscribe")
@click.argument("event_type")
@click.argument("subscriber")
@options.as_json
@options.service
def subscribe(event_type: str, subscriber: str, as_json: bool, service: TaskService) -> None:
    """Tell a function, or a webhook such as http://localhost:3000/failed, of each such event."""
    fields = _subscriber(subscriber)
    if "functionName" in fields:
        service.function(subscriber)
    made = service.subscribe(event_type, fields)
    output.done(made, f"subscribed  {subscriber}  to {event_type}", as_json=as_json)


@events.command("unsubscribe")
@click.argument("event_type")
@click.argument("subscriber")
@options.as_json
@options.service
def unsubscribe(event_type: str, subscriber: str, as_json: bool, service: TaskService) -> None:
    """Tell a function or a webhook no more."""
    answer = service.unsubscribe(event_type, _subscriber(subscriber))
    output.done(answer, f"unsubscribed  {subscriber}  from {event_type}", as_json=as_json)


def _subscriber(text: str) -> Json:
    """The field of a subscription: `url` for a text with `://`, which no function's name has."""
    return {"url" if "://" in text else "functionName": text}
