"""Groups of commands: turn errors into messages and exit codes, and import commands lazily."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click

from taskdock.base import terminal
from taskdock.base.errors import TaskdockError
from taskdock.client.console import exits, server_option
from taskdock.client.errors import ServerUnreachable, WrongCall


class Failed(click.ClickException):
    """A command failed. The message may contain text from a server or a file, so control characters
    are made harmless for a terminal."""

    def format_message(self) -> str:
        return terminal.shown(super().format_message(), sys.stderr)


class WrongUse(Failed):
    """The call was wrong. Unlike click's usage error, it is shown without the command's options."""

    exit_code = exits.WRONG_CALL


class Group(click.Group):
    """A group whose commands may raise `TaskdockError`: shown as a message, without a traceback.

    It has the option --url for all of its commands, before their names.
    """

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        if not any("--url" in option.opts for option in self.params):
            self.params.append(server_option.before_the_command())

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        found = super().resolve_command(ctx, args)
        server_option.check_use(ctx, found[1])
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ServerUnreachable as error:
            others = "" if server_option.was_asked_for(ctx) else _other_servers(error.message)
            raise WrongUse(f"{error.message}{others}") from error
        except WrongCall as error:
            raise WrongUse(error.message) from error
        except TaskdockError as error:
            raise Failed(error.message) from error


def _other_servers(told: str) -> str:
    """A hint at servers of this user that run elsewhere; empty where `told` names them."""
    from taskdock.client.servers import running  # noqa: PLC0415 - late: only for this message

    found = running.all_of_this_user(os.environ)
    others = [f"{one.url} (of {one.folder})" for one in found if one.url not in told]
    return f"\nRunning: {', '.join(others)}; choose one by --url" if others else ""


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
