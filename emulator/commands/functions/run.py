"""The command run: executes a function directly, or queues it and waits."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import IO, Any

import click

from taskdock.client import follow
from taskdock.client.api import FUNCTION_FAILED, TIME_LIMIT_TOO_LONG, Json, TaskService
from taskdock.client.console import exits, options, output
from taskdock.client.deployment import images
from taskdock.client.errors import ServiceError, WrongCall
from taskdock.client.failures import telling
from taskdock.client.failures.telling import LogChoice


@click.command(epilog=exits.IN_SHORT)
@click.argument("name")
@options.event_data
@click.option(
    "--queue", is_flag=True, help="Queue a task and wait for it; for a time limit over 30 s."
)
@telling.log_option("full; short when the function fails")
@options.service
def run(
    *,
    name: str,
    text: str | None,
    file: IO[bytes] | None,
    queue: bool,
    log: LogChoice | None,
    service: TaskService,
) -> None:
    """Execute a function at once and print its result.

    The result alone, as JSON, goes to stdout. The function's log goes to stderr, and behind it,
    when the function fails, the error with its place in the code and what helps.
    """
    data = options.parse_data(text, file)
    if queue:
        _run_queued(service, name, data, log)
        return
    try:
        with images.told(service, name, output.note):
            task = service.execute(name, data)
    except ServiceError as error:
        if error.code == TIME_LIMIT_TOO_LONG:
            raise WrongCall(_two_ways(service, name)) from None
        if error.code != FUNCTION_FAILED:
            raise
        failure = error.answer["runtimeError"]
        choice = log or LogChoice.SHORT
        telling.show_failure(
            service, name, error.answer["taskId"], failure, choice=choice, data=data
        )
        sys.exit(exits.of_error(failure))
    else:
        telling.show_log(telling.messages(service, task["id"]), log or LogChoice.FULL)
        output.document(task.get("result"))


def _two_ways(service: TaskService, name: str) -> str:
    limit = service.function(name).get("timeLimit")
    return (
        f"{name} has a time limit of {limit} s, and what is executed directly may have 30 s. Queue"
        f" it and wait: taskdock run {name} --queue; or give it a shorter limit: taskdock deploy"
        " PATH --time-limit 30"
    )


def _run_queued(service: TaskService, name: str, data: Any, log: LogChoice | None) -> None:
    """As if it were executed: the same output and exit code, with the task's retries."""
    service.function(name)  # fails for an unknown function; the service itself would not
    body = {"functionName": name, "data": data}
    task_id = service.create_task({key: value for key, value in body.items() if value is not None})[
        "id"
    ]
    output.note(f"queued as {task_id}")
    choice = log or LogChoice.FULL
    try:
        with images.told(service, name, output.note):
            task = _follow(service, task_id, choice)
    except KeyboardInterrupt:
        output.note(f"the task goes on; its log: taskdock logs -f {task_id}")
        raise
    if task["status"] == "complete":
        _print_result(service, task["id"])
        return
    if error := task.get("error"):
        telling.show_failure(
            service, name, task["id"], error, choice=choice, data=data, log_is_shown=True
        )
    else:
        output.note(f"the task {task['id']} was {task['status']}: it has not run")
    sys.exit(exits.of_task(task))


def _follow(service: TaskService, task_id: str, choice: LogChoice) -> Json:
    """The task, or the last of its retries, once it has ended; shows the log of each."""
    with follow.under_way():
        while True:
            lines = (line["message"] for line in follow.log_lines(service, task_id))
            task = _show_attempt(service, task_id, lines, choice)
            if task["status"] != "retried":
                return task
            task_id = task["retriedByTaskId"]
            output.note(f"{_said(task)}; retried as {task_id}")


def _show_attempt(
    service: TaskService, task_id: str, lines: Iterator[str], choice: LogChoice
) -> Json:
    if choice is LogChoice.NONE:
        for _ in lines:  # they end with the task
            pass
    telling.show_log(lines, choice, error=lambda: service.task(task_id).get("error"))
    return service.task(task_id)


def _said(task: Json) -> str:
    error = task.get("error") or {}
    return f"{error.get('name')}: {error.get('message')}"


def _print_result(service: TaskService, task_id: str) -> None:
    found, result = follow.result_of(service, task_id)
    if found:
        output.document(result)
    else:
        output.note(follow.NO_RESULT)
