"""Commands for a server as a whole: serve, env, status, version."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import click

from taskdock import __version__
from taskdock.base.errors import StartupError
from taskdock.base.files import user_folders
from taskdock.base.settings import Settings
from taskdock.client import credentials
from taskdock.client.api import FAILING, Json, TaskService
from taskdock.client.console import options, output
from taskdock.client.errors import WrongCall


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


@click.command()
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="TASKDOCK_DATA_DIR",
    default=Path(".taskdock"),
    show_default=True,
    help="The data folder of the server.",
)
@click.option("--exh", is_flag=True, help="Write ~/.exh/credentials, which the exh command reads.")
@click.option("--yes", is_flag=True, help="With --exh: replace a file that is there.")
def env(*, data_dir: Path, exh: bool, yes: bool) -> None:
    """Print a running server's address and credentials, for the shell.

    eval "$(taskdock env)" sets API_HOST and the four API_OAUTH_ variables, by which functions, the
    SDK, the exh command and this command sign their requests.
    """
    variables = credentials.read(data_dir)
    with closing(TaskService(variables["API_HOST"])) as service:
        service.health()
    if not exh:
        output.plain(credentials.as_exports(variables))
        return
    home = user_folders.home(os.environ)
    if home is None:
        raise WrongCall("there is no home folder for .exh/credentials: set HOME")
    file = credentials.exh_file(home)
    differs = credentials.has_another(file, variables)
    if differs and not yes and not output.agreed(f"{file} is there already; replace it?"):
        raise click.Abort
    credentials.write_exh(file, variables)
    output.plain(f"wrote  {file}")


@click.command()
@options.as_json
@options.service
def status(as_json: bool, service: TaskService) -> None:
    """Show the running server: what does not work, its environments, its queue, its memory."""
    found = service.status()
    if as_json:
        output.document(found)
        return
    for trouble in found.get("troubles", ()):  # an older server has none
        _show_trouble(trouble)
    # A server that cannot read its database leaves `tasks` and `stored` out.
    queued, kept, memory = found.get("tasks"), found.get("stored"), found["memory"]
    prepared = [
        f"{one['count']} of {one['wanted']} {one['runtime']}, {one['memory']} MB"
        for one in found["prepared"]
    ]
    output.fields(
        {
            "taskdock": found["version"],
            "address": found["url"],
            "since": f"{output.moment(found['startTimestamp'])} UTC",
            "tasks": queued and f"{queued['new']} new, {queued['inProgress']} in progress",
            "memory": f"{memory['held']} of {memory['budget']} MB",
            "database": kept and output.stored(kept),
            "prepared": "; ".join(prepared) or "none",
        }
    )
    rows = [
        [one["functionName"], one["state"], one["memory"], output.moment(one.get("idleSince"))]
        for one in found["environments"]
    ]
    columns = ("Function", "State", "MB", "Idle since (UTC)")
    output.plain()
    output.table(columns, rows, empty="no environments: none has been needed lately")


def _show_trouble(trouble: Json) -> None:
    failing = trouble["severity"] == FAILING
    what = click.style(
        "does not work" if failing else "degraded", fg="red" if failing else "yellow"
    )
    since = output.moment(trouble["sinceTimestamp"])
    output.say(f"{what}: {trouble['name']}, since {since} UTC: {trouble['reason']}")


@click.command()
def version() -> None:
    """Print the version."""
    output.plain(f"taskdock {__version__}")
