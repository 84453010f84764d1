"""The command env: a running server's address and credentials."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import click

from taskdock.base.files import own_folder, user_folders
from taskdock.client.api import TaskService
from taskdock.client.console import options, output, server_option
from taskdock.client.errors import NoServer, WrongCall
from taskdock.client.servers import address, credentials, running


class ForShell(click.Command):
    """A command whose output a shell evaluates. Where it fails, the shell is given `false`, since
    to evaluate nothing is a success."""

    def make_context(self, *arguments: Any, **options: Any) -> click.Context:
        try:
            return super().make_context(*arguments, **options)
        except click.ClickException:
            output.plain("false")
            raise

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BaseException:
            if not ctx.params.get("exh"):
                output.plain("false")
            raise


@click.command(cls=ForShell)
@options.url
@options.data_dir
@click.option("--exh", is_flag=True, help="Write ~/.exh/credentials, which the exh command reads.")
@click.option("--yes", is_flag=True, help="With --exh: replace a file that is there.")
def env(*, url: str | None, data_dir: Path | None, exh: bool, yes: bool) -> None:
    """Print a running server's address and credentials, for the shell.

    eval "$(taskdock env)" sets API_HOST and the four API_OAUTH_ variables, by which functions, the
    SDK, the exh command and this command sign their requests. It fails where no server runs.
    """
    variables = _variables(url, options.folder_or_url(data_dir, url))
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


def _variables(url: str | None, data_dir: Path | None) -> Mapping[str, str]:
    """Those of the server that is meant, which answers. Raises `WrongCall`."""
    if data_dir is not None:
        variables = credentials.read(data_dir)
        _require(address.Address(variables["API_HOST"]))
        return variables
    # The shell may still have the variables of an earlier server: they are what is asked for.
    others = {name: value for name, value in os.environ.items() if name != "API_HOST"}
    meant = address.choose(url, others)
    server_option.remember(meant)
    found = running.at(meant.url, os.environ)
    if found is None and meant.is_default:
        _refuse_foreign_folder()
    _require(meant)
    if found is None:
        raise WrongCall(
            f"the server at {meant.shown} is none of yours, or it runs in a container, or a test"
            " has started it: name its data folder with --data-dir"
        )
    return credentials.read(found.folder)


def _refuse_foreign_folder() -> None:
    """Raises `ForeignCredentials` where a data folder is here, and is not to be trusted."""
    with suppress(NoServer):
        credentials.read(Path(os.environ.get("TASKDOCK_DATA_DIR") or own_folder.DEFAULT))


def _require(meant: address.Address) -> None:
    with closing(TaskService(meant.url, named=meant.named)) as service:
        service.health()
