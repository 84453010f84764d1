"""The option --url: it stands before the command, or after it, or at a group in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from taskdock.client.servers.address import Address

_HEARD, _MEANT = "taskdock.url", "taskdock.address"
"""In a context's `meta`, which a command shares with its groups."""


def before_the_command() -> click.Option:
    """--url of a group."""
    return click.Option(
        ["--url"],
        metavar="URL",
        expose_value=False,
        callback=heard,
        help="The server that the command talks to.",
    )


def heard(context: click.Context, option: click.Parameter, given: str | None) -> str | None:
    """The callback of each --url: what this one or an earlier one says; None: there was none.

    Raises `click.UsageError` where both are there, and mean two servers.
    """
    earlier: str | None = context.meta.get(_HEARD)
    if given is None:
        return earlier
    if not given.strip():
        raise click.BadParameter("it is empty", ctx=context, param=option)
    if earlier is not None and _meant(earlier) != _meant(given):
        raise click.UsageError(
            f"--url {earlier} and --url {given} are two servers; give one of them", ctx=context
        )
    context.meta[_HEARD] = given
    return given


def remember(meant: Address) -> None:
    """Keeps the server that the command talks to, for the message where nobody answers there."""
    click.get_current_context().meta[_MEANT] = meant


def was_asked_for(context: click.Context) -> bool:
    """Whether the command talks to a server that its caller has named, or to none."""
    meant: Address | None = context.meta.get(_MEANT)
    return meant is None or meant.is_asked_for


def check_use(context: click.Context, command: click.Command | None) -> None:
    """Raises `click.UsageError` where --url stands before a command that talks to no server."""
    if context.meta.get(_HEARD) is None or command is None or isinstance(command, click.Group):
        return
    if not any("--url" in option.opts for option in command.params):
        raise click.UsageError(f"{command.name} talks to no server, so it takes no --url")


def _meant(url: str) -> str:
    from taskdock.client.errors import WrongCall  # noqa: PLC0415 - late: one --url is the rule
    from taskdock.client.servers import address  # noqa: PLC0415

    try:
        return address.parse(url, "--url")
    except WrongCall as error:
        raise click.UsageError(error.message) from None
