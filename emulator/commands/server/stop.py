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
    named = address.named(url, os.environ) if data_dir is None else None
    # Where a data folder is here, its server alone is meant: no other is ended by mistake.
    own = running.data_folder(os.environ) if data_dir is None and named is None else None
    if data_dir is not None:
        folder, where = data_dir, f"on the data folder {data_dir}"
    elif own is not None:
        if not running.is_held(own):
            output.plain(f"the server of {own.absolute()} does not run{_others()}")
            return
        there = running.on(own)  # None: it starts or stops
        folder = there.folder if there else own
        where = f"at {there.url}" if there else f"on the data folder {own}"
    else:
        meant = named or address.choose(url, os.environ)
        found = running.at(meant.url, os.environ)
        if found is None:
            _require_none(meant)
            output.plain(f"no server of yours runs at {meant.shown}")
            return
        folder, where = found.folder, f"at {found.url}"
    if stopping.stop(folder, at_once=at_once, seconds=seconds, clock=SystemClock()):
        output.plain(f"stopped  the server {where}, data in {shlex.quote(str(folder))}")
    else:
        output.plain(f"no server runs {where}")


def _others() -> str:
    """The servers of this user that run, and how one is stopped; empty where there is none."""
    found = [f"{one.url} (of {one.folder})" for one in running.all_of_this_user(os.environ)]
    return f"\nRunning: {', '.join(found)}; stop one with: taskdock stop --url URL" if found else ""


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
