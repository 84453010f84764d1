"""The command stop."""

from __future__ import annotations

import os
import shlex
from contextlib import closing
from pathlib import Path

import click

from taskdock.base.timing.clock import SystemClock
from taskdock.client.api import TaskService
from taskdock.client.console import options, output
from taskdock.client.errors import ServerUnreachable, WrongCall
from taskdock.client.servers import address, running, stopping


@click.command()
@options.url
@options.data_dir
@click.option("--now", "at_once", is_flag=True, help="End what still runs, too, at once.")
@click.option(
    "--timeout",
    "seconds",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    default=60.0,
    show_default=True,
    help="Wait no longer than this until it has ended.",
)
def stop(*, url: str | None, data_dir: Path | None, at_once: bool, seconds: float) -> None:
    """Stop a server of yours, once running tasks have finished.

    It may be detached, or in another terminal. Tasks that have not begun stay queued. The server's
    --stop-grace says how long running tasks may take.

    Exit code: 0 when the server has ended, or none runs; 1 when it has not ended in time.
    """
    data_dir = options.folder_or_url(data_dir, url)
    if data_dir is not None:
        folder, where = data_dir, f"on the data folder {data_dir}"
    else:
        meant = address.choose(url, os.environ)
        found = running.at(meant.url, os.environ)
        starting = running.nearest_held(os.environ) if meant.is_default else None
        if found is not None:
            folder, where = found.folder, f"at {found.url}"
        elif starting is not None:
            folder, where = starting, f"on the data folder {starting}"
        else:
            _require_none(meant)
            output.plain(f"no server of yours runs at {meant.shown}")
            return
    if stopping.stop(folder, at_once=at_once, seconds=seconds, clock=SystemClock()):
        output.plain(f"stopped  the server {where}, data in {shlex.quote(str(folder))}")
    else:
        output.plain(f"no server runs {where}")


def _require_none(meant: address.Address) -> None:
    """Raises `WrongCall` where somebody answers there, whom this command cannot end."""
    try:
        with closing(TaskService(meant.url, named=meant.named)) as service:
            service.health()
    except ServerUnreachable:
        return
    raise WrongCall(
        f"the server at {meant.shown} is not to be stopped from here: it is in a container, or"
        " another user's, or one that a test has started; name its data folder with --data-dir"
    )
