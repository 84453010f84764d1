"""The commands of deployed functions: list, show, delete."""

from __future__ import annotations

import click

from taskdock.client.api import TaskService
from taskdock.client.console import options, output
from taskdock.client.console.groups import Group
from taskdock.client.deployment import images as image_of


@click.group(cls=Group)
def functions() -> None:
    """List, show and delete functions."""


@functions.command("list")
@options.as_json
@options.service
def list_functions(as_json: bool, service: TaskService) -> None:
    """List the deployed functions."""
    found = service.functions()
    output.listing(
        found,
        as_json=as_json,
        columns=("Name", "Updated (UTC)", "Description"),
        row=lambda one: [
            one["name"],
            output.moment(one.get("updateTimestamp")),
            one.get("description"),
        ],
        empty="no functions; deploy one with: taskdock deploy PATH",
    )


@functions.command("show")
@click.argument("name")
@options.as_json
@options.service
def show_function(name: str, as_json: bool, service: TaskService) -> None:
    """Show one function in full."""
    found = service.function(name)
    if as_json:
        output.document(found)
        return
    image = image_of.of(service, found)
    output.fields(found if image is None else {**found, "runs in": image_of.described(image)})


@functions.command("delete")
@click.argument("name")
@options.as_json
@options.service
def delete_function(name: str, as_json: bool, service: TaskService) -> None:
    """Delete a function; its tasks and logs stay."""
    answer = service.delete_function(name)
    output.done(answer, f"deleted  {name}", as_json=as_json)
