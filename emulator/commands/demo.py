"""The command demo."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import click

import taskdock
from taskdock.base.files import user_folders
from taskdock.base.settings import ImageChoice
from taskdock.base.timing.clock import SystemClock
from taskdock.client import demo as demonstration
from taskdock.client.console import exits, options
from taskdock.server import provision

_MAIN = "import sys; sys.path.append(sys.argv.pop(1)); from taskdock.commands import main;"
_MAIN += " main(prog_name='taskdock')"
"""A program that runs `taskdock` in another process. Its first argument is the folder of the
package `emulator`, so that it works in any current folder."""


@click.command()
@click.option("--url", help="Use the server at this URL instead of starting one.")
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the demo's own server keeps its files.  [~/.cache/taskdock/demo]",
)
@options.images
def demo(*, url: str | None, data_dir: Path | None, choice: ImageChoice) -> None:
    """Run three hello-world functions, from nothing to their results."""
    complete = demonstration.run(
        url=url,
        server_command=[
            *("env", f"TASKDOCK_IMAGES={choice.value}"),
            *(sys.executable, "-c", _MAIN, str(Path(taskdock.__file__).parents[1])),
        ],
        data_dir=data_dir
        or user_folders.cache(os.environ) / "demo",  # the server reports a fallback
        build_image=partial(provision.build_sample_image, choice=choice),
        clock=SystemClock(),
    )
    sys.exit(exits.OK if complete else exits.FAILED)
