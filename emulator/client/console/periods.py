"""The option --since: a time, or a length of time before now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from taskdock.base.timing import durations
from taskdock.base.timing.clock import to_iso
from taskdock.client.api import TaskService
from taskdock.client.console import options

Command = TypeVar("Command", bound=Callable[..., Any])


def since(command: Command) -> Command:
    """--since, handed to the command as `since`, for `beginning`."""
    return click.option(
        "--since",
        metavar="TIME",
        callback=_checked,
        help="Nothing older: 10m, 2h, or an ISO 8601 time (local, unless it says otherwise).",
    )(command)


def beginning(since: str | None, service: TaskService) -> str | None:
    """A timestamp of the Task Service, or None where none was given. A length of time counts from
    the time of the server, whose clock may have been moved."""
    if since is None or not _is_length(since):
        return since
    return to_iso(options.now(service) - durations.parse(since))


def _checked(context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    if text is None:
        return None
    if _is_length(text):
        return text
    try:
        return options.moment(context, parameter, text)
    except click.BadParameter:
        raise click.BadParameter(
            f"{text} is neither a length of time such as 10m or 2h, nor an ISO 8601 time such as"
            " 2027-01-01T00:00:00Z"
        ) from None


def _is_length(text: str) -> bool:
    try:
        durations.parse(text)
    except ValueError:
        return False
    return True
