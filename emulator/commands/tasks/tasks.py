"""The commands of tasks: create, list, show, cancel."""

from __future__ import annotations

import sys
from typing import IO, Any

import click

from taskdock.base.timing.clock import SystemClock
from taskdock.client import follow
from taskdock.client.api import Json, TaskService, equals
from taskdock.client.console import exits, options, output
from taskdock.client.console.groups import Group
from taskdock.client.failures import telling
from taskdock.client.failures.telling import LogChoice

STATUSES = ["new", "inProgress", "complete", "failed", "retried", "canceled"]


@click.group(cls=Group)
def tasks() -> None:
    """Create, list, show and cancel tasks."""


@tasks.command("create", epilog=exits.IN_SHORT)
@click.argument("name")
@options.event_data
@options.start_time
@click.option("--priority", type=int, help="Higher goes first.")
@click.option("--tag", "tags", multiple=True, help="A tag of the task; repeat for more.")
@click.option("--wait", is_flag=True, help="Wait until it has ended, retries included.")
@click.option("--timeout", type=float, metavar="SECONDS", help="Wait no longer than this.")
@telling.log_option("none; short when the task fails")
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
    log: LogChoice | None,
    as_json: bool,
    service: TaskService,
) -> None:
    """Queue a task for a function and print its id.

    With --wait the exit code tells how it ended, as for "taskdock run": 124 also where --timeout
    was over first. The changes of its status go to stderr, and of a failure the error with its
    place in the code and what helps.
    """
    if log is not None and not wait:
        raise click.UsageError("--log shows the log of a task that is waited for: give --wait, too")
    data = options.parse_data(text, file)
    body = {
        "functionName": name,
        "data": data,
        "startTimestamp": options.starting(start_at, service),
        "priority": priority,
        "tags": list(tags) or None,
    }
    service.function(name)  # fails for an unknown function; the service itself would not
    task = service.create_task({key: value for key, value in body.items() if value is not None})
    if not as_json:
        output.plain(task["id"])
    if wait:
        task = _wait(service, task["id"], timeout, log)
    if as_json:
        output.document(task)
    if wait:
        _tell_end(service, task, data, timeout=timeout, log=log)
        sys.exit(exits.of_task(task))


def _wait(service: TaskService, task_id: str, timeout: float | None, log: LogChoice | None) -> Json:
    def on_change(task: Json) -> None:
        if task["status"] == "retried" or (task["status"] == "complete" and log is not None):
            lines = telling.messages(service, task["id"]) if log is not None else []
            telling.show_log(lines, log or LogChoice.NONE, error=lambda: task.get("error"))
        _note_status(task)

    with follow.under_way():
        return follow.until_final(
            service, task_id, clock=SystemClock(), timeout=timeout, on_change=on_change
        )


def _note_status(task: Json) -> None:
    detail = f" as {task['retriedByTaskId']}" if task["status"] == "retried" else ""
    output.note(f"{task['statusChangedTimestamp']}  {task['status']}{detail}")


def _tell_end(
    service: TaskService, task: Json, data: Any, *, timeout: float | None, log: LogChoice | None
) -> None:
    if task["status"] not in follow.FINAL:
        output.note(
            f"still {task['status']} after {timeout:g} s; its log: taskdock logs -f {task['id']}"
        )
    elif error := task.get("error"):
        choice = log or LogChoice.SHORT
        telling.show_failure(
            service, task["functionName"], task["id"], error, choice=choice, data=data
        )


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
