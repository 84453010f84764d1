"""The command demo."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import click

from taskdock.base.files import user_folders
from taskdock.base.machine import memory
from taskdock.base.settings import ImageChoice
from taskdock.base.timing.clock import SystemClock
from taskdock.client.console import exits, options, server_option
from taskdock.client.demo import hello_worlds, show
from taskdock.client.servers import address
from taskdock.client.servers.local_server import own_command


@click.command()
@click.option(
    "--ui",
    is_flag=True,
    help="Keep a server running with a small story, and print the dashboard's address.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="With --ui: the port of that server.  [8080, or a free one where that is taken]",
)
@click.option(
    "--url",
    metavar="URL",
    callback=server_option.heard,
    help="Use the server at this URL instead of starting one.",
)
@click.option(
    "--data-dir",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where the demo's own server keeps its files.  [~/.cache/taskdock/demo; with --ui a folder"
    " that goes with the server]",
)
@options.images
def demo(
    *, ui: bool, port: int | None, url: str | None, data_dir: Path | None, choice: ImageChoice
) -> None:
    """Run three hello-world functions, from nothing to their results.

    With --ui, a server runs until Ctrl-C with a small story on its dashboard: cold starts, a queue
    with priorities, retries, a chain, a schedule, an API function, a time limit and a memory limit.
    """
    if ui and url is not None:
        raise click.UsageError("--ui starts a server of its own: leave out --url")
    if port is not None and not ui:
        raise click.UsageError("--port is for the server of --ui: add --ui")
    command = [*("env", f"TASKDOCK_IMAGES={choice.value}"), *own_command()]
    build_image = partial(_build_image, choice=choice)
    clock = SystemClock()
    if ui:
        good = show.run(
            server_command=command,
            data_dir=data_dir,
            port=port,
            build_image=build_image,
            clock=clock,
        )
    else:
        good = hello_worlds.run(
            url=url and address.parse(url, "--url"),
            server_command=command,
            data_dir=data_dir
            or user_folders.cache(os.environ) / "demo",  # the server reports a fallback
            build_image=build_image,
            clock=clock,
        )
    sys.exit(exits.OK if good else exits.FAILED)


def _build_image(folder: Path, *, show: Callable[[str], object], choice: ImageChoice) -> str:
    with memory.importing():
        from taskdock.server import provision  # noqa: PLC0415 - late: the server is started before

    return provision.build_sample_image(folder, choice=choice, show=show)
