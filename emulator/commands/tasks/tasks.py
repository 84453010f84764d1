"""The commands of tasks: create, list, show, cancel."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import IO, Any

import click

from taskdock.base.timing.clock import SystemClock
from taskdock.client import follow
from taskdock.client.api import Json, TaskService, encoded, equals
from taskdock.client.console import exits, options, output, secrets, times
from taskdock.client.console.groups import Group
from taskdock.client.console.tables import task_table
from taskdock.client.errors import ServiceError
from taskdock.client.failures import telling
from taskdock.client.failures.telling import LogChoice
from taskdock.commands.tasks import watching as watch

STATUSES = ["new", "inProgress", "complete", "failed", "retried", "canceled"]


@click.group(cls=Group)
def tasks() -> None:
    """Create, list, show and cancel tasks."""


@tasks.command("create", epilog=exits.IN_SHORT)
@click.argument("name")
@options.event_data
@times.start_time
@click.option("--priority", type=int, help="Higher goes first.")
@click.option("--tag", "tags", multiple=True, help="A tag of the task; repeat for more.")
@click.option("--wait", is_flag=True, help="Wait until it has ended, retries included.")
@click.option("--timeout", type=options.NUMBER, metavar="SECONDS", help="Wait no longer than this.")
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
    if timeout is not None and (not wait or timeout < 0):
        raise click.UsageError(
            "--timeout is the most seconds that --wait waits: give --wait, too, and 0 or more"
        )
    data = options.parse_data(text, file)
    body = {
        "functionName": name,
        "data": data,
        "startTimestamp": times.starting(start_at, service),
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
@click.option(
    "--status",
    "statuses",
    type=click.Choice(STATUSES),
    multiple=True,
    help="Tasks with this status alone; repeat for more.",
)
@click.option("--function", "function_name", metavar="NAME", help="Tasks of this function alone.")
@click.option("--tag", "tags", multiple=True, help="Tasks with this tag alone; repeat for more.")
@times.since
@click.option("--limit", type=click.IntRange(1, 50), default=20, show_default=True)
@click.option("--watch", "watching", is_flag=True, help="Go on until Ctrl-C.")
@options.as_json
@options.service
def list_tasks(
    *,
    statuses: tuple[str, ...],
    function_name: str | None,
    tags: tuple[str, ...],
    since: str | None,
    limit: int,
    watching: bool,
    as_json: bool,
    service: TaskService,
) -> None:
    """List tasks, the newest first.

    Start is the time from which on the task may run, duration the time that its run took, and
    attempt its place in a chain of retries. A terminal gets the columns that it has room for; a
    pipe, a file and --json get all.

    With --watch the list is drawn anew when something changes. A pipe or a file gets a line for
    each change instead: time, id, function, status and error, or with --json the task.
    """
    conditions = [
        *_one_of("status", statuses),
        *([] if function_name is None else [equals("functionName", function_name)]),
        *(equals("tags", f"string:{tag}") for tag in tags),
    ]
    beginning = times.beginning(since, service)
    if beginning is not None:
        conditions.append(f"ge(creationTimestamp,{encoded(beginning)})")
    if watching:
        watch.watch(service, conditions, limit, as_json=as_json)
        return
    found = service.tasks("&".join([*conditions, "sort(-creationTimestamp)", f"limit({limit})"]))
    if as_json:
        output.document(found)
        return
    if not found and function_name is not None:
        with suppress(ServiceError):  # who may see tasks alone
            service.function(function_name)  # fails for an unknown one
    rows = watch.rows(service, found)
    output.table(task_table.COLUMNS, rows, empty=watch.empty(not conditions))


def _one_of(field: str, values: tuple[str, ...]) -> list[str]:
    """The RQL condition, if any, that a field has one of these values."""
    if len(values) < 2:
        return [equals(field, value) for value in values]
    return [f"in({','.join([field, *values])})"]


@tasks.command("show")
@click.argument("task_id")
@options.show_secrets
@options.as_json
@options.service
def show_task(task_id: str, show_secrets: bool, as_json: bool, service: TaskService) -> None:
    """Show one task in full.

    Texts in its data with names such as "password" or "token" are hidden; --show-secrets shows
    them. --json is for programs, and has them.
    """
    found = service.task(task_id)
    if as_json:
        output.document(found)
    else:
        output.secret_fields(found, found if show_secrets else secrets.hidden(found))


@tasks.command("cancel")
@click.argument("task_id")
@options.as_json
@options.service
def cancel_task(task_id: str, as_json: bool, service: TaskService) -> None:
    """Cancel a task that has not begun."""
    answer = service.cancel_task(task_id)
    output.done(answer, f"canceled  {task_id}", as_json=as_json)
