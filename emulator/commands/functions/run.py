"""The command run: executes a function directly."""

from __future__ import annotations

import sys
from typing import IO

import click

from taskdock.client.api import FUNCTION_FAILED, TaskService
from taskdock.client.console import exits, options, output
from taskdock.client.errors import ServiceError


@click.command()
@click.argument("name")
@options.event_data
@options.service
def run(*, name: str, text: str | None, file: IO[bytes] | None, service: TaskService) -> None:
    """Execute a function at once and print its result.

    The result alone, as JSON, goes to stdout and the function's log to stderr. Exit code: 0 for a
    result, 1 for a function error, 124 for the time limit, 137 for the memory limit, 2 when the
    call was wrong.
    """
    data = options.parse_data(text, file)
    try:
        task = service.execute(name, data)
    except ServiceError as error:
        if error.code != FUNCTION_FAILED:
            raise
        _show_log(service, error.answer["taskId"])
        failure = error.answer["runtimeError"]
        output.note(f"{failure['name']}: {failure['message']}")
        sys.exit(exits.of_error(failure["name"]))
    _show_log(service, task["id"])
    output.document(task.get("result"))


def _show_log(service: TaskService, task_id: str) -> None:
    for line in service.logs(task_id):
        output.note(output.message(line["message"], terminal=sys.stderr.isatty()))
