"""The commands of tasks: create, list, show, cancel."""

from __future__ import annotations

import sys
from typing import IO

import click

from taskdock.base.timing.clock import SystemClock
from taskdock.client import follow
from taskdock.client.api import Json, TaskService, equals
from taskdock.client.console import exits, options, output
from taskdock.client.console.groups import Group

STATUSES = ["new", "inProgress", "complete", "failed", "retried", "canceled"]


@click.group(cls=Group)
def tasks() -> None:
    """Create, list, show and cancel tasks."""


@tasks.command("create")
@click.argument("name")
@options.event_data
@options.start_time
@click.option("--priority", type=int, help="Higher goes first.")
@click.option("--tag", "tags", multiple=True, help="A tag of the task; repeat for more.")
@click.option("--wait", is_flag=True, help="Wait until it has ended, retries included.")
@click.option("--timeout", type=options.NUMBER, metavar="SECONDS", help="Wait no longer than this.")
@options.as_json
@options.service
def create_task(
    *,
    name: str,
    text: str | None,
    file: IO[bytes] | None,
    start_at: str | None,
    priority: int | None,
    tags: tuple[str, ...],
    wait: bool,
    timeout: float | None,
    as_json: bool,
    service: TaskService,
) -> None:
    """Queue a task for a function and print its id.

    With --wait the exit code tells how it ended, as for "taskdock run"; the changes of its status
    go to stderr.
    """
    body = {
        "functionName": name,
        "data": options.parse_data(text, file),
        "startTimestamp": options.starting(start_at, service),
        "priority": priority,
        "tags": list(tags) or None,
    }
    service.function(name)  # fails for an unknown function; the service itself would not
    task = service.create_task({key: value for key, value in body.items() if value is not None})
    if not as_json:
        output.plain(task["id"])
    if wait:
        task = follow.until_final(
            service, task["id"], clock=SystemClock(), timeout=timeout, on_change=_note_status
        )
    if as_json:
        output.document(task)
    if wait:
        sys.exit(_exit_code(task, timeout))


def _note_status(task: Json) -> None:
    detail = f" as {task['retriedByTaskId']}" if task["status"] == "retried" else ""
    output.note(f"{task['statusChangedTimestamp']}  {task['status']}{detail}")


def _exit_code(task: Json, timeout: float | None) -> int:
    if task["status"] == "complete":
        return exits.OK
    if task["status"] not in follow.FINAL:
        output.note(f"still {task['status']} after {timeout:g} s")
        return exits.FAILED
    error = task.get("error")
    if not error:
        return exits.FAILED
    output.note(f"{error['name']}: {error['message']}")
    output.note(f"its log: taskdock logs {task['id']}")
    return exits.of_error(error["name"])


@tasks.command("list")
@click.option("--status", type=click.Choice(STATUSES))
@click.option("--function", "function_name", metavar="NAME")
@click.option("--limit", type=click.IntRange(1, 50), default=20, show_default=True)
@options.as_json
@options.service
def list_tasks(
    status: str | None, function_name: str | None, limit: int, as_json: bool, service: TaskService
) -> None:
    """List tasks, the newest first."""
    filters = {"status": status, "functionName": function_name}
    conditions = [equals(field, value) for field, value in filters.items() if value is not None]
    found = service.tasks("&".join([*conditions, "sort(-creationTimestamp)", f"limit({limit})"]))
    output.listing(
        found,
        as_json=as_json,
        columns=("Id", "Function", "Status", "Created (UTC)", "Error"),
        row=lambda task: [
            task["id"],
            task["functionName"],
            task["status"],
            output.moment(task.get("creationTimestamp")),
            (task.get("error") or {}).get("name"),
        ],
        empty="no such tasks; create one with: taskdock tasks create NAME",
    )


@tasks.command("show")
@click.argument("task_id")
@options.as_json
@options.service
def show_task(task_id: str, as_json: bool, service: TaskService) -> None:
    """Show one task in full."""
    found = service.task(task_id)
    (output.document if as_json else output.fields)(found)


@tasks.command("cancel")
@click.argument("task_id")
@options.as_json
@options.service
def cancel_task(task_id: str, as_json: bool, service: TaskService) -> None:
    """Cancel a task that has not begun."""
    answer = service.cancel_task(task_id)
    output.done(answer, f"canceled  {task_id}", as_json=as_json)
