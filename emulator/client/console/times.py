"""Times and lengths of time that commands take: --start-at, --since, and the server's now."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, TypeVar

import click

from taskdock.base.errors import TaskdockError
from taskdock.base.timing import durations
from taskdock.base.timing.clock import SystemClock, to_iso
from taskdock.client.api import TaskService

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
    return to_iso(now(service) - durations.parse(since))


def _checked(context: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
    if text is None:
        return None
    if _is_length(text):
        return text
    try:
        return moment(context, parameter, text)
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


def start_time(command: Command) -> Command:
    """--start-at, handed to the command as `start_at`, for `starting`."""
    return click.option(
        "--start-at",
        metavar="TIME",
        callback=_parse_time,
        help="Not before this ISO 8601 time (local, unless it says otherwise), or in +SECONDS.",
    )(command)


def moment(_: click.Context, __: click.Parameter, text: str) -> str:
    """The callback of an ISO 8601 time: a timestamp of the Task Service."""
    try:
        return _timestamp(text)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{text[:80]} is no ISO 8601 time such as 2027-01-01T00:00:00Z"
        ) from None


def _parse_time(_: click.Context, __: click.Parameter, text: str | None) -> str | None:
    if text is None:
        return None
    try:
        if text.startswith("+"):
            to_iso(SystemClock().now() + timedelta(seconds=float(text)))  # it can be
            return text
        return _timestamp(text)
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"{text[:80]} is neither an ISO 8601 time nor +SECONDS, such as 2027-01-01T00:00:00Z"
            " or +90"
        ) from None


def starting(start_at: str | None, service: TaskService) -> str | None:
    """A timestamp of the Task Service, or None where no start was given. +SECONDS count from the
    time of the server, whose clock may have been moved."""
    if start_at is None or not start_at.startswith("+"):
        return start_at
    return to_iso(now(service) + timedelta(seconds=float(start_at)))


def now(service: TaskService) -> datetime:
    """The time of the server, whose clock may have been moved; this machine's where the server does
    not tell."""
    with suppress(TaskdockError):  # such as a server that does not serve the harness
        # A clock that ticks may have been moved before, so its mode does not count.
        return datetime.fromisoformat(service.clock()["now"].replace("Z", "+00:00"))
    return SystemClock().now()


def today(service: TaskService) -> str:
    """The date of the server's clock in UTC, such as 2026-01-02."""
    return f"{now(service):%Y-%m-%d}"


def _timestamp(text: str) -> str:
    return to_iso(datetime.fromisoformat(text.replace("Z", "+00:00")).astimezone())
