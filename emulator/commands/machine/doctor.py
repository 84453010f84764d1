"""The command doctor."""

from __future__ import annotations

import os
import signal
import sys

import click

from taskdock.base.errors import StartupError
from taskdock.base.settings import Settings
from taskdock.base.timing.clock import SystemClock
from taskdock.client.console import exits, options, output
from taskdock.client.demo import samples
from taskdock.server.doctor import examination
from taskdock.server.doctor.judges import report


@click.command()
@click.option("--data-dir", metavar="FOLDER", help="The data folder of the server.")
@click.option("--host", metavar="TEXT", help="Its address.")
@click.option("--port", metavar="NUMBER", help="Its port.")
@options.as_json
def doctor(*, as_json: bool, **given: str | None) -> None:
    """Look at this machine: what works, what does not, and what mends it; needs no server.

    It tries in containers of its own what functions need, and leaves nothing behind. Exit code: 1
    when something is broken, 0 otherwise.
    """
    try:
        settings = Settings.load(given)
    except StartupError as error:
        raise click.UsageError(error.message) from None
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))  # so that `with` cleans up
    signs = report.signs(sys.stdout.encoding or "", os.environ)
    found = {}
    with examination.Examination(
        settings,
        environment=os.environ,
        clock=SystemClock(),
        runtime_ids=samples.sample_runtimes(),
    ) as examining:
        for name, finding in examining.findings():
            found[name] = finding
            if not as_json:
                colour = report.COLOURS.get(finding.status)
                for line in report.lines(name, finding, signs):
                    output.say(click.style(line[0], fg=colour, bold=True) + line[1:])
    if as_json:
        output.document([report.document(*one) for one in found.items()])
    else:
        output.say(f"\n{report.summary(found)}")
    sys.exit(exits.OK if report.is_well(found) else exits.FAILED)
