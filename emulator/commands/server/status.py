"""The commands status and version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from taskdock import __version__
from taskdock.client.console import options, output

if TYPE_CHECKING:  # `version` is there without any HTTP
    from taskdock.client.api import Json, TaskService


@click.command()
@options.as_json
@options.service
def status(as_json: bool, service: TaskService) -> None:
    """Show the running server: what does not work, its environments, its queue, its memory."""
    from taskdock.client.api import DASHBOARD  # noqa: PLC0415 - late, as above

    found = service.status()
    if as_json:
        output.document(found)
        return
    for trouble in found.get("troubles", ()):  # an older server has none
        _show_trouble(trouble)
    # A server that cannot read its database leaves `tasks` and `stored` out.
    queued, kept, memory = found.get("tasks"), found.get("stored"), found["memory"]
    prepared = [
        f"{one['count']} of {one['wanted']} {one['runtime']}, {one['memory']} MB"
        for one in found["prepared"]
    ]
    output.fields(
        {
            "taskdock": found["version"],
            "address": found["url"],
            "dashboard": f"{found['url']}{DASHBOARD}",
            "since": f"{output.moment(found['startTimestamp'])} UTC",
            "tasks": queued and f"{queued['new']} new, {queued['inProgress']} in progress",
            "memory": f"{memory['held']} of {memory['budget']} MB",
            "database": kept and output.stored(kept),
            "prepared": "; ".join(prepared) or "none",
        }
    )
    rows = [
        [one["functionName"], one["state"], one["memory"], output.moment(one.get("idleSince"))]
        for one in found["environments"]
    ]
    columns = ("Function", "State", "MB", "Idle since (UTC)")
    output.plain()
    output.table(columns, rows, empty="no environments: none has been needed lately")


def _show_trouble(trouble: Json) -> None:
    from taskdock.client.api import FAILING  # noqa: PLC0415 - late, as above

    failing = trouble["severity"] == FAILING
    what = click.style(
        "does not work" if failing else "degraded", fg="red" if failing else "yellow"
    )
    since = output.moment(trouble["sinceTimestamp"])
    output.say(f"{what}: {trouble['name']}, since {since} UTC: {trouble['reason']}")


@click.command()
def version() -> None:
    """Print the version."""
    output.plain(f"taskdock {__version__}")
