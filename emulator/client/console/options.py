"""Options that several commands share, and the parsing of their values."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from taskdock.base import strict_json
from taskdock.client.console import server_option

if TYPE_CHECKING:
    from taskdock.client.api import TaskService

Command = TypeVar("Command", bound=Callable[..., Any])

_SERVER = (
    "The server to talk to, such as :9000.  [TASKDOCK_URL; else API_HOST, as taskdock env has set"
    " it; else the server of ./.taskdock or of a folder above; else http://localhost:8080]"
)

_IN_A_SHELL = """; in a shell JSON stands in single quotes: -d '{"name": "Ada"}'"""

_LARGEST = 64 * 1024 * 1024  # bytes of an event; a device such as /dev/zero has no end


class Number(click.types.FloatParamType):
    """A number that JSON has: neither NaN nor infinity."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no number", param, ctx)
        return number


NUMBER = Number()


def service(command: Command) -> Command:
    """--url, handed to the command as `service`."""

    def connect(context: click.Context, option: click.Parameter, given: str | None) -> TaskService:
        from taskdock.client.api import TaskService  # noqa: PLC0415 - late: not to show the help
        from taskdock.client.servers import address  # noqa: PLC0415

        meant = address.choose(server_option.heard(context, option, given), os.environ)
        server_option.remember(meant)
        signature = None
        if os.environ.get("API_HOST"):
            from taskdock.client.servers import credentials  # noqa: PLC0415 - late: most need none

            signature = credentials.signature(meant.url, os.environ)
        service = TaskService(meant.url, signature, named=meant.named)
        context.call_on_close(service.close)
        return service

    return click.option("--url", "service", metavar="URL", callback=connect, help=_SERVER)(command)


def url(command: Command) -> Command:
    """--url, handed to the command as `url`: as it was written, or None."""
    return click.option("--url", metavar="URL", callback=server_option.heard, help=_SERVER)(command)


def data_dir(command: Command) -> Command:
    """--data-dir, handed to the command as `data_dir`, for a server that runs already."""
    return click.option(
        "--data-dir",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="FOLDER",
        help="The data folder of the server, in place of its URL.",
    )(command)


def folder_or_url(data_dir: Path | None, url: str | None) -> Path | None:
    """The data folder, where that names the server. Raises `click.UsageError` for both at once."""
    if data_dir is not None and url is not None:
        raise click.UsageError("give --url or --data-dir, not both: each names a server")
    return data_dir


def images(command: Command) -> Command:
    """--images, handed to the command as `choice`."""
    from taskdock.base.settings import ImageChoice  # noqa: PLC0415 - late: pydantic is slow

    return click.option(
        "--images",
        "choice",
        type=click.Choice([choice.value for choice in ImageChoice]),
        callback=lambda _, __, text: ImageChoice(text),
        envvar="TASKDOCK_IMAGES",
        default=ImageChoice.AUTO.value,
        show_default=True,
        help="AWS's images, stand-ins, or a stand-in where AWS's image cannot be had.",
    )(command)


def as_json(command: Command) -> Command:
    """--json, handed to the command as `as_json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(
        command
    )


def show_secrets(command: Command) -> Command:
    """--show-secrets, handed to the command as `show_secrets`."""
    return click.option(
        "--show-secrets", is_flag=True, help="Show what is secret, too; --json always has it."
    )(command)


def event_data(command: Command) -> Command:
    """-d and -e, handed to the command as `text` and `file` for `parse_data`."""
    command = click.option(
        "-e", "--event", "file", type=click.File("rb"), help="Data from a JSON file; - is stdin."
    )(command)
    return click.option("-d", "--data", "text", metavar="JSON", help="Data, as JSON.")(command)


def parse_data(text: str | None, file: IO[bytes] | None) -> Any:
    if text is not None and file is not None:
        raise click.UsageError("give -d or -e, not both")
    option = "-d" if file is None else "-e"
    try:
        given = text if file is None else file.read(_LARGEST + 1)
    except OSError as error:
        raise click.UsageError(f"{option}: the file cannot be read: {error.strerror}") from None
    if given is None:
        return None
    if len(given) > _LARGEST:
        raise click.UsageError(
            f"{option} was given over {_LARGEST >> 20} MB; AWS Lambda takes events of 6 MB"
        )
    try:
        if isinstance(given, bytes):  # PowerShell writes files in UTF-16
            given = given.decode(json.detect_encoding(given))
        return strict_json.loads(given)
    except ValueError as error:
        why = strict_json.explained(error)
        if option == "-d" and text and '"' not in text and isinstance(error, json.JSONDecodeError):
            why += _IN_A_SHELL
        raise click.UsageError(f"{option} was given no valid JSON: {why}") from None


def settings(command: Command, *, without: Sequence[str] = ()) -> Command:
    """One option for each field of `Settings` but those of `without`, as text; `Settings` checks
    the values."""
    from taskdock.base.settings import Settings  # noqa: PLC0415 - late: pydantic is slow

    for name, field in reversed(Settings.model_fields.items()):
        if name in without:
            continue
        default = field.default
        shape: dict[str, Any]
        if isinstance(default, bool):
            shape, default = {"is_flag": True, "default": None}, "yes" if default else "no"
        elif isinstance(default, tuple):
            shape, default = {"multiple": True, "metavar": "TEXT"}, "none; repeat for more"
        else:
            shape = {"metavar": getattr(field.annotation, "__name__", "text").upper()}
        command = click.option(
            f"--{name.replace('_', '-')}",
            help=f"{field.description}  [{default}; TASKDOCK_{name.upper()}]",
            **shape,
        )(command)
    return command


def as_words(given: Mapping[str, Any]) -> list[str]:
    """The words for `taskdock serve` that mean these settings, which `settings` has handed over."""
    words: list[str] = []
    for name, value in given.items():
        option = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(option)
        elif isinstance(value, tuple):
            words += [word for one in value for word in (option, one)]
        elif value is not None:
            words += [option, value]
    return words


def environment(command: Command) -> Command:
    """--env, handed to the command as `environment`, a dictionary of name to value."""
    return click.option(
        "--env",
        "environment",
        multiple=True,
        metavar="NAME=VALUE",
        callback=lambda _, __, texts: dict(_assignment(text) for text in texts),
        help="An environment variable to add or override; repeat for more.",
    )(command)


def _assignment(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not name or not sign:
        raise click.BadParameter(f"{text[:80]} is not NAME=VALUE")
    return name, value
