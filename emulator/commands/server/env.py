"""The command env: a running server's address and credentials."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import click

from taskdock.base.files import user_folders
from taskdock.client.api import TaskService
from taskdock.client.console import output
from taskdock.client.errors import WrongCall
from taskdock.client.servers import credentials


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
