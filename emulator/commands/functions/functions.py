"""The commands of deployed functions: list, show, delete."""

from __future__ import annotations

from collections.abc import Sequence

import click

from taskdock.client.api import Json, TaskService
from taskdock.client.console import options, output, secrets, times
from taskdock.client.console.groups import Group
from taskdock.client.console.tables import values
from taskdock.client.console.tables.layout import Cell, Column, Fit
from taskdock.client.deployment import images as image_of
from taskdock.client.errors import ServiceError, UnknownFunction

_COLUMNS = (
    Column("Name"),
    Column("Runtime", rank=1),
    Column("Time limit", "Limit", rank=3, fit=Fit.WHOLE, right=True),
    Column("Memory", rank=2, fit=Fit.WHOLE, right=True),
    Column("Enabled", "On", rank=4, fit=Fit.WHOLE),
    Column("Updated (UTC)", rank=5, fit=Fit.WHOLE),
    Column("Description", rank=6, fit=Fit.END),
)


@click.group(cls=Group)
def functions() -> None:
    """List, show and delete functions."""


@functions.command("list")
@options.as_json
@options.service
def list_functions(as_json: bool, service: TaskService) -> None:
    """List the deployed functions, with runtime or image and limits.

    --json has the service's own list, whose functions have neither: for one with all that it has,
    see "taskdock functions show NAME --json".
    """
    found = service.functions()
    if as_json:
        output.document(found)
        return
    today = times.today(service) if found else ""
    output.table(
        _COLUMNS,
        [_row(_details(service, one), today) for one in found],
        empty="no functions; deploy one with: taskdock deploy PATH",
    )


@functions.command("show")
@click.argument("name")
@options.show_secrets
@options.as_json
@options.service
def show_function(name: str, show_secrets: bool, as_json: bool, service: TaskService) -> None:
    """Show one function in full.

    The values of its environment variables are hidden, so that a projector or the log of a CI job
    does not show them; --show-secrets shows them. --json is for programs, and has them.
    """
    found = service.function(name)
    if as_json:
        output.document(found)
        return
    image = image_of.of(service, found)
    whole = found if image is None else {**found, "runs in": image_of.described(image)}
    variables = secrets.without_values(found.get("environmentVariables") or {})
    hides = bool(variables) and not show_secrets
    output.secret_fields(whole, {**whole, "environmentVariables": variables} if hides else whole)


@functions.command("delete")
@click.argument("name")
@options.as_json
@options.service
def delete_function(name: str, as_json: bool, service: TaskService) -> None:
    """Delete a function; its tasks and logs stay."""
    answer = service.delete_function(name)
    output.done(answer, f"deleted  {name}", as_json=as_json)


def _details(service: TaskService, listed: Json) -> Json:
    """All of a function in a list; what the list has of it where the caller may see no more."""
    try:
        return service.function(str(listed["name"]))
    except (ServiceError, UnknownFunction):
        return listed


def _row(function: Json, today: str) -> Sequence[Cell]:
    enabled = {True: Cell("yes"), False: Cell("no", style="yellow")}
    return [
        Cell(function["name"]),
        Cell(function.get("runtime") or function.get("image") or ""),
        Cell(f"{function['timeLimit']} s" if "timeLimit" in function else ""),
        Cell(f"{function['memoryLimit']} MB" if "memoryLimit" in function else ""),
        enabled.get(function.get("enabled", ""), Cell("")),
        values.moment(function.get("updateTimestamp"), today),
        Cell(function.get("description") or ""),
    ]
