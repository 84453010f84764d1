"""The command logs: the log of a task."""

from __future__ import annotations

import sys

import click

from taskdock.client import follow
from taskdock.client.api import TaskService
from taskdock.client.console import options, output


@click.command()
@click.argument("task_id")
@click.option("-f", "--follow", "following", is_flag=True, help="Go on until the task has ended.")
@options.as_json
@options.service
def logs(task_id: str, following: bool, as_json: bool, service: TaskService) -> None:
    """Print the log of a task. With -f and --json: a JSON object a line, as they come."""
    lines = follow.log_lines(service, task_id) if following else service.logs(task_id)
    if as_json and not following:
        output.document(list(lines))
        return
    for line in lines:
        if as_json:
            output.line(line)
        else:
            message = output.message(line["message"], terminal=sys.stdout.isatty())
            output.plain(f"{line['timestamp']}  {message}")
