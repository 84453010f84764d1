"""The command init: a new function of the user's own."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click

from taskdock.client.console import output
from taskdock.client.errors import WrongCall


@click.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--name", help="The function's name.  [default: the folder's]")
@click.option(
    "--runtime", default="nodejs22.x", show_default=True, help="One of Node.js or of Python."
)
def init(folder: Path, name: str | None, runtime: str) -> None:
    """Make a FOLDER with a small function of your own, ready to be deployed.

    The folder gets a task-config.json and the function's code in src. Nothing that is there already
    is replaced.
    """
    from taskdock.client.development import new_function  # noqa: PLC0415 - late: it is slow

    chosen = name or folder.resolve().name
    if not chosen:
        raise WrongCall(f"the folder {folder} has no name for the function: give one with --name")
    if not re.fullmatch(r"[A-Za-z0-9-]+", chosen):
        raise WrongCall(
            f"a function cannot be called {chosen!r}: a name has letters, digits and hyphens alone;"
            " give one with --name"
        )
    for file in new_function.create(folder, name=chosen, runtime=runtime):
        output.plain(f"wrote  {file}")
    place = shlex.quote(str(folder))
    output.note(
        f"deploy it with: taskdock deploy {place}; and again at each save: taskdock dev {place}"
    )
