"""Groups of commands: turn errors into messages and exit codes, and import commands lazily."""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import click

from taskdock.base import terminal
from taskdock.base.errors import TaskdockError
from taskdock.base.machine import memory
from taskdock.client.console import exits, server_option
from taskdock.client.errors import MalformedCall, ServerUnreachable


class Failed(click.ClickException):
    """A command failed. The message may contain text from a server or a file, so control characters
    are made harmless for a terminal."""

    def format_message(self) -> str:
        text = terminal.shown(super().format_message(), sys.stderr)
        if not sys.stderr.isatty():
            return text
        return _wrapped(text, shutil.get_terminal_size().columns)


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

    def make_context(
        self, info_name: str | None, args: list[str], *more: Any, **extra: Any
    ) -> click.Context:
        words = list(args)  # the parser takes words out of `args`
        try:
            return super().make_context(info_name, args, *more, **extra)
        except click.UsageError as error:
            raise _told(
                error, _TypedCommand(self, info_name, words, extra.get("parent"))
            ) from error

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        is_word = not ctx.resilient_parsing and not args[0].startswith("-")
        if is_word and self.get_command(ctx, args[0]) is None:
            from taskdock.client.console import wrong_calls  # noqa: PLC0415 - late: it is rare

            known = self.list_commands(ctx)
            raise WrongUse(wrong_calls.unknown_command(ctx, args[0], known))
        name, command, words = super().resolve_command(ctx, args)
        server_option.check_use(ctx, command)
        if command is not None:
            ctx.meta[_CALL] = _TypedCommand(command, name, list(words), ctx)
        return name, command, words

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise _told(error, ctx.meta.get(_CALL)) from error
        except ServerUnreachable as error:
            kind = _BY_EXIT_CODE.get(exits.of_refusal(error), Failed)
            others = "" if server_option.was_asked_for(ctx) else _other_servers(error.message)
            raise kind(f"{error.message}{others}") from error
        except TaskdockError as error:
            kind = _BY_EXIT_CODE.get(exits.of_refusal(error), Failed)
            raise kind(_led_back(error, ctx.meta.get(_CALL))) from error
        except SystemError as error:
            if _has_current_folder():
                raise
            # Python 3.13.0, whose imports look at the current folder
            raise CouldNotRun("the current folder is gone: change to another one") from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # of click's: whoever read the output has gone
                raise
            raise CouldNotRun(_refused(error)) from error


def _has_current_folder() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _refused(error: OSError) -> str:
    why = error.strerror or str(error)
    if error.filename is not None:
        return f"{error.filename}: {why}"
    return f"{why}; is the disk of the output full, or the current folder gone?"


def _led_back(error: TaskdockError, call: _TypedCommand | None) -> str:
    """The message, with the options of the call in place of the fields of the API."""
    if call is None or not isinstance(error, MalformedCall):
        return error.message
    from taskdock.client.console import wrong_calls  # noqa: PLC0415 - late: it is rare

    return wrong_calls.led_back(error.message, call.command.params, call.words)


def _other_servers(told: str) -> str:
    """A hint at servers of this user that run elsewhere; empty where `told` names them."""
    from taskdock.client.servers import running  # noqa: PLC0415 - late: only for this message

    found = running.all_of_this_user(os.environ)
    others = [f"{one.url} (of {one.folder})" for one in found if one.url not in told]
    return f"\nRunning: {', '.join(others)}; choose one by --url" if others else ""


class CouldNotRun(Failed):
    """The call was right, and taskdock or the engine cannot do it."""

    exit_code = exits.NOT_RUN


_BY_EXIT_CODE = {exits.WRONG_CALL: WrongUse, exits.NOT_RUN: CouldNotRun}
_PREFIX = len("Error: ")
_COMMAND = re.compile(r"(?:(?<=: )|(?<=with ))taskdock [^;\n]+")


def _wrapped(text: str, width: int) -> str:
    """The text of an error in lines of a terminal, broken between words. A command stays on one
    line, so that it can be copied whole."""
    kept = _COMMAND.sub(lambda found: found[0].replace(" ", "\0"), text)
    lines: list[str] = []
    for line in kept.split("\n"):
        indent = " " * (0 if lines else _PREFIX)
        filled = textwrap.fill(
            line, width, initial_indent=indent, break_long_words=False, break_on_hyphens=False
        )
        lines.append(filled[len(indent) :])
    return "\n".join(lines).replace("\0", " ")


@dataclass(frozen=True)
class _TypedCommand:
    """A command with the words that it was called with."""

    command: click.Command
    name: str | None
    words: list[str]
    parent: click.Context | None


_CALL = f"{__name__}.call"  # in a context's `meta`


def _told(error: click.UsageError, call: _TypedCommand | None) -> click.ClickException:
    """The error in our words."""
    if call is None or isinstance(error, click.exceptions.NoArgsIsHelpError):
        return error
    from taskdock.client.console import wrong_calls  # noqa: PLC0415 - late: it is rare

    context = error.ctx
    if context is None:  # the parser itself refuses
        context = call.command.make_context(
            call.name, [], parent=call.parent, resilient_parsing=True
        )
        context.resilient_parsing = False
    if context.command is not call.command:
        return WrongUse(error.message)
    return WrongUse(wrong_calls.explained(error, context, call.words))


@dataclass(frozen=True)
class Entry:
    """A line of the map of commands. `place`: the command as `module:name`, with the module's name
    in this package. `help`: the command's line in the list of commands."""

    place: str
    help: str


def _open_closed_streams() -> None:
    """A caller may have closed standard streams. The first files that are opened would get their
    numbers, and children would write into those."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            mode = "r" if number == 0 else "w"
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115 - for good
            setattr(sys, name, stream)


class LazyGroup(Group):
    """A group that imports a command's module only when that command is called."""

    def __init__(self, *, package: str, entries: Mapping[str, Entry], **options: Any) -> None:
        """`package`: the package with the modules of `entries`, such as emulator.commands."""
        super().__init__(**options)
        self.package = package
        self.entries = entries

    def main(self, *arguments: Any, **options: Any) -> Any:
        _open_closed_streams()
        return super().main(*arguments, **options)

    def list_commands(self, _: click.Context) -> list[str]:
        return sorted(self.entries)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        entry = self.entries.get(cmd_name)
        if entry is None:
            return None
        module, name = entry.place.split(":")
        with memory.importing():
            command: click.Command = getattr(import_module(f"{self.package}.{module}"), name)
        return command

    def format_commands(self, _: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.entries[name].help) for name in sorted(self.entries)])
