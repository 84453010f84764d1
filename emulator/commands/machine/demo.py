"""The command demo."""

from __future__ import annotations

import os
import sys
from functools import partial
from pathlib import Path

import click

from taskdock.base.files import user_folders
from taskdock.base.settings import ImageChoice
from taskdock.base.timing.clock import SystemClock
from taskdock.client.console import exits, options, server_option
from taskdock.client.demo import hello_worlds
from taskdock.client.servers import address
from taskdock.client.servers.local_server import own_command
from taskdock.server import provision


@click.command()
@click.option(
    "--url",
    metavar="URL",
    callback=server_option.heard,
    help="Use the server at this URL instead of starting one.",
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the demo's own server keeps its files.  [~/.cache/taskdock/demo]",
)
@options.images
def demo(*, url: str | None, data_dir: Path | None, choice: ImageChoice) -> None:
    """Run three hello-world functions, from nothing to their results."""
    complete = hello_worlds.run(
        url=url and address.parse(url, "--url"),
        server_command=[
            *("env", f"TASKDOCK_IMAGES={choice.value}"),
            *own_command(),
        ],
        data_dir=data_dir
        or user_folders.cache(os.environ) / "demo",  # the server reports a fallback
        build_image=partial(provision.build_sample_image, choice=choice),
        clock=SystemClock(),
    )
    sys.exit(exits.OK if complete else exits.FAILED)
