"""The command serve."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import click

from taskdock.base.errors import StartupError, TaskdockError
from taskdock.base.machine import memory
from taskdock.base.settings import Settings
from taskdock.client.console import options, output


@click.command()
@click.option("--detach", is_flag=True, help="Return once it serves; end it by: taskdock stop.")
@click.option(
    "--port-file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A file that has the port while the server serves, for scripts that wait for it.",
)
@options.settings
def serve(*, detach: bool, port_file: Path | None, **given: Any) -> None:
    """Run the server until Ctrl-C.

    A second Ctrl-C ends it within two seconds. Exit code: 0 when it has stopped in order, 1 when it
    could not start or go on, 128 and the signal's number when a second signal has ended it, or one
    before it had started.

    With --detach, exit code 0 means that the server serves, or did so already, and 1 that it could
    not start. Its log is server.log in the data folder.
    """
    try:
        settings = Settings.load(given)
    except StartupError as error:
        raise click.UsageError(error.message) from None
    if detach:
        _detach(settings, port_file, given)
        return
    with memory.importing():
        from taskdock.server import serve as server  # noqa: PLC0415 - late: no other needs it

    server.serve(settings, port_file)


def _detach(settings: Settings, port_file: Path | None, given: dict[str, Any]) -> None:
    from taskdock.client.api import DASHBOARD  # noqa: PLC0415 - late, as above
    from taskdock.client.servers import running  # noqa: PLC0415
    from taskdock.client.servers.local_server import own_command  # noqa: PLC0415
    from taskdock.server import detached  # noqa: PLC0415

    there = running.on(settings.data_dir)
    if there is None:
        words = options.as_words(given)
        if port_file is not None:
            words += ["--port-file", str(port_file)]
        output.plain(detached.start([*own_command(), "serve", *words], settings.data_dir))
        return
    stop = f"taskdock stop --data-dir {shlex.quote(str(there.folder))}"
    port = there.url.rpartition(":")[2]
    if (given.get("port") and settings.port not in (0, int(port))) or port_file is not None:
        raise TaskdockError(
            f"a server runs already on {there.folder}, at {there.url}; end it first: {stop}"
        )
    page = f"{there.url}{DASHBOARD}"
    output.plain(
        f"runs already  {there.url}, dashboard {page}, data in {there.folder}; end it: {stop}"
    )
