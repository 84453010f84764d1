"""Groups of commands: turn errors into messages and exit codes, and import commands lazily."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click

from taskdock.base import terminal
from taskdock.base.errors import TaskdockError
from taskdock.client.console import exits


class Failed(click.ClickException):
    """A command failed. The message may contain text from a server or a file, so control characters
    are made harmless for a terminal. Unlike click's usage error, it is shown without the command's
    options."""

    def format_message(self) -> str:
        return terminal.shown(super().format_message(), sys.stderr)


class WrongUse(Failed):
    exit_code = exits.WRONG_CALL


class CouldNotRun(Failed):
    """The call was right, and taskdock or the engine cannot do it."""

    exit_code = exits.NOT_RUN


_BY_EXIT_CODE = {exits.WRONG_CALL: WrongUse, exits.NOT_RUN: CouldNotRun}


class Group(click.Group):
    """A group whose commands may raise `TaskdockError`: shown as a message, without a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except TaskdockError as error:
            kind = _BY_EXIT_CODE.get(exits.of_refusal(error), Failed)
            raise kind(error.message) from error


@dataclass(frozen=True)
class Entry:
    """A line of the map of commands. `place`: the command as `module:name`, with the module's name
    in this package. `help`: the command's line in the list of commands."""

    place: str
    help: str


class LazyGroup(Group):
    """A group that imports a command's module only when that command is called."""

    def __init__(self, *, package: str, entries: Mapping[str, Entry], **options: Any) -> None:
        """`package`: the package with the modules of `entries`, such as emulator.commands."""
        super().__init__(**options)
        self.package = package
        self.entries = entries

    def list_commands(self, _: click.Context) -> list[str]:
        return sorted(self.entries)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        module, name = entry.place.split(":")
        command: click.Command = getattr(import_module(f"{self.package}.{module}"), name)
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.entries[name].help) for name in sorted(self.entries)])
