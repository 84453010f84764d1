"""Groups of commands: what they do when a command fails, and how the first finds its commands."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click

from emulator.base import terminal
from emulator.base.errors import TaskdockError
from emulator.client.console import exits
from emulator.client.errors import WrongCall


class Failed(click.ClickException):
    """A command could not do its work. The message may be in a service's or a file's words."""

    def format_message(self) -> str:
        return terminal.shown(super().format_message(), sys.stderr)


class WrongUse(Failed):
    """The call was wrong; unlike a usage error it needs no reminder of the command's options."""

    exit_code = exits.WRONG_CALL


class Group(click.Group):
    """A group whose commands may fail with our errors: a message, an exit code, no traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except WrongCall as error:
            raise WrongUse(error.message) from error
        except TaskdockError as error:
            raise Failed(error.message) from error


@dataclass(frozen=True)
class Entry:
    """Where a command is, as `module:name`, and the line that the list of commands has of it."""

    place: str
    help: str


class LazyGroup(Group):
    """A group that imports a command's module when that command is called, and no other's."""

    def __init__(self, *, entries: Mapping[str, Entry], **options: Any) -> None:
        super().__init__(**options)
        self.entries = entries

    def list_commands(self, _: click.Context) -> list[str]:
        return sorted(self.entries)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        module, name = entry.place.split(":")
        command: click.Command = getattr(import_module(f"{__package__}.{module}"), name)
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.entries[name].help) for name in sorted(self.entries)])
