"""The commands of schedules: create, list, delete."""

from __future__ import annotations

from typing import IO

import click

from taskdock.base import ids
from taskdock.client.api import TaskService
from taskdock.client.console import options, output, times
from taskdock.client.console.groups import Group
from taskdock.client.console.tables import values
from taskdock.client.console.tables.layout import Column, Fit
from taskdock.client.errors import WrongCall

_COLUMNS = (
    Column("Id"),
    Column("Function"),
    Column("Every (s)", rank=2, fit=Fit.WHOLE, right=True),
    Column("Next (UTC)", rank=1, fit=Fit.WHOLE),
)


@click.group(cls=Group)
def schedules() -> None:
    """Create, list and delete schedules, which queue a task again and again."""


@schedules.command("create")
@click.argument("name")
@click.option("--every", "interval", type=options.NUMBER, required=True, metavar="SECONDS")
@options.event_data
@times.start_time
@click.option("--priority", type=int, help="Higher goes first.")
@options.as_json
@options.service
def create_schedule(
    *,
    name: str,
    interval: float,
    text: str | None,
    file: IO[bytes] | None,
    start_at: str | None,
    priority: int | None,
    as_json: bool,
    service: TaskService,
) -> None:
    """Queue a task for a function every so many seconds; print the schedule's id."""
    body = {
        "functionName": name,
        "interval": interval,
        "data": options.parse_data(text, file),
        "startTimestamp": times.starting(start_at, service),
        "priority": priority,
    }
    service.function(name)  # fails for an unknown function; the service itself would not
    made = service.create_schedule({key: val for key, val in body.items() if val is not None})
    output.done(made, made["id"], as_json=as_json)


@schedules.command("list")
@click.option("--limit", type=click.IntRange(1, 50), default=20, show_default=True)
@options.as_json
@options.service
def list_schedules(limit: int, as_json: bool, service: TaskService) -> None:
    """List schedules, those that are due first at the top."""
    found = service.schedules(f"sort(nextTimestamp)&limit({limit})")
    today = times.today(service) if found and not as_json else ""
    output.listing(
        found,
        as_json=as_json,
        columns=_COLUMNS,
        row=lambda one: [
            one["id"],
            one["functionName"],
            one["interval"],
            values.moment(one["nextTimestamp"], today),
        ],
        empty="no schedules; create one with: taskdock schedules create NAME --every SECONDS",
    )


@schedules.command("delete")
@click.argument("schedule_id")
@options.as_json
@options.service
def delete_schedule(schedule_id: str, as_json: bool, service: TaskService) -> None:
    """Delete a schedule; tasks that it has queued stay."""
    if not ids.is_object_id(schedule_id):
        raise WrongCall(
            f"there is no schedule {schedule_id}; find its id with: taskdock schedules list"
        )
    answer = service.delete_schedule(schedule_id)
    output.done(answer, f"deleted  {schedule_id}", as_json=as_json)
