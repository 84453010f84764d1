"""The commands of runtimes and their images. These commands need no server."""

from __future__ import annotations

import dataclasses

import click

from taskdock.base.settings import ImageChoice
from taskdock.client.console import options, output, progress
from taskdock.client.demo import samples
from taskdock.server import provision


@click.command()
@options.images
@options.as_json
def runtimes(as_json: bool, choice: ImageChoice) -> None:
    """List the runtimes and the state of their images; needs no server."""
    with progress.shown() as show:
        found = provision.survey_runtimes(choice, show)
    if as_json:
        output.document([dataclasses.asdict(one) for one in found])
        return
    rows = [[one.id, one.status.value, output.megabytes(one.size), one.image] for one in found]
    output.table(("Runtime", "Status", "Size", "Image"), rows, empty="no runtimes")


@click.command()
@options.images
@click.argument("runtime", nargs=-1)
def images(runtime: tuple[str, ...], choice: ImageChoice) -> None:
    """Pull or build the images of these runtimes ahead; of the samples' when none is named."""
    runtime_ids = runtime or samples.sample_runtimes()
    with progress.shown() as show:
        found = provision.ensure_images(runtime_ids, choice, show)
    for id, image in found.items():
        output.plain(f"{id}  {image.reference}")
