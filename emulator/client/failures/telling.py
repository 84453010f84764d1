"""Tells on stderr how a function has run: its log, and of a failure the block behind it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from typing import Any, TypeVar

import click

from taskdock.base.errors import TaskdockError
from taskdock.client.api import Json, TaskService
from taskdock.client.console import output
from taskdock.client.failures.failed_run import NOTHING

Command = TypeVar("Command", bound=Callable[..., Any])


class LogChoice(str, Enum):
    """The part of a function's log that is shown."""

    FULL = "full"
    SHORT = "short"
    NONE = "none"


def log_option(otherwise: str) -> Callable[[Command], Command]:
    """--log, handed to the command as `log`; None where it is not given, which is `otherwise`."""

    def read(_: click.Context, __: click.Parameter, text: str | None) -> LogChoice | None:
        return None if text is None else LogChoice(text)

    return click.option(
        "--log",
        type=click.Choice([choice.value for choice in LogChoice]),
        callback=read,
        help="The log that is shown on stderr: all of it, the function's own lines alone, or none."
        f"  [default: {otherwise}]",
    )


def show_log(
    lines: Iterable[str], choice: LogChoice, *, error: Callable[[], Json | None] = lambda: None
) -> None:
    """Shows the lines as they come. `error`: asked behind the last for the error that a block will
    show, so that a short log leaves out its report."""
    if choice is LogChoice.NONE:
        return
    if choice is LogChoice.FULL:
        for line in lines:
            _note(line)
        return
    from taskdock.client.failures.log_lines import ShortLog  # noqa: PLC0415 - late: few need it

    log = ShortLog()
    for line in lines:
        shown = log.take(line)
        if shown is not None:
            _note(shown)
    for line in log.rest(error()):
        _note(line)


def show_failure(
    service: TaskService,
    function_name: str,
    task_id: str,
    error: Json,
    *,
    choice: LogChoice,
    data: Any = NOTHING,
    log_is_shown: bool = False,
) -> None:
    """The log as chosen, unless it is shown already, and the block of the error."""
    from taskdock.client.failures.block import block  # noqa: PLC0415 - late, as the next
    from taskdock.client.failures.gathering import gather  # noqa: PLC0415

    lines = messages(service, task_id)
    if not log_is_shown:
        show_log(lines, choice, error=lambda: error)
    if lines and choice is not LogChoice.NONE:
        output.note("")
    show_block(block(gather(service, function_name, task_id, error, lines, data=data)))
    if choice is not LogChoice.FULL and lines:
        output.note(f"its log: taskdock logs {task_id}")


def show_block(lines: Sequence[str]) -> None:
    first, *rest = lines
    for line in (_bold(first), *rest):
        output.note(line)


def messages(service: TaskService, task_id: str) -> list[str]:
    """The lines of a task that has run; none where they cannot be had: the result, or the error, is
    shown in any case."""
    try:
        return [line["message"] for line in service.logs(task_id)]
    except TaskdockError:  # it has not run, or the server has gone meanwhile
        return []


def _bold(line: str) -> str:
    styled = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return click.style(line, fg="red", bold=True) if styled else line


def _note(line: str) -> None:
    output.note(output.message(line, terminal=sys.stderr.isatty()))
