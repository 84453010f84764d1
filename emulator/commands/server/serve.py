"""The command serve."""

from __future__ import annotations

import click

from taskdock.base.errors import StartupError
from taskdock.base.settings import Settings
from taskdock.client.console import options


@click.command()
@options.settings
def serve(**given: str | None) -> None:
    """Run the server until Ctrl-C.

    A second Ctrl-C ends it within two seconds. Exit code: 0 when it has stopped in order, 1 when it
    could not start or go on, 128 and the signal's number when a second signal has ended it, or one
    before it had started.
    """
    try:
        settings = Settings.load(given)
    except StartupError as error:
        raise click.UsageError(error.message) from None
    from taskdock.server import serve as server  # noqa: PLC0415 - late: only this command needs it

    server.serve(settings)
