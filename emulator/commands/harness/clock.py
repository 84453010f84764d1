"""The command of the clock: show it, and move the clock of a server that tests."""

from __future__ import annotations

import click
from click.core import ParameterSource

from taskdock.base.timing import durations
from taskdock.client.api import Json, TaskService
from taskdock.client.console import options, output, times
from taskdock.client.console.groups import Group
from taskdock.client.console.tables import values
from taskdock.client.console.tables.layout import Column, Fit

_COLUMNS = (
    Column("Due (UTC)", fit=Fit.WHOLE),
    Column("Kind", rank=2),
    Column("Function", rank=1),
    Column("Id"),
)


@click.group(cls=Group, invoke_without_command=True)
@options.as_json
@options.service
@click.pass_context
def clock(context: click.Context, as_json: bool, service: TaskService) -> None:
    """Show or move the time of tasks and schedules.

    Without a command of its own: the time, the clock's mode, and what is due when. Only the clock
    of a server started with --clock manual or --clock auto can be moved. All that is due on the way
    is run, in its order, before the command ends. A function's own time, its time limit and its
    warm containers go by the machine's clock.
    """
    if context.invoked_subcommand is None:
        _show(service.clock(), as_json=as_json)
        return
    if context.get_parameter_source("as_json") is ParameterSource.COMMANDLINE:
        command = f"taskdock clock {context.invoked_subcommand}"
        raise click.UsageError(f"--json belongs behind the command: {command} ... --json")


# -7d is a length of time, and no option, nor is the h of -1h one for help.
_LENGTHS = {"ignore_unknown_options": True, "help_option_names": ["--help"]}


@clock.command("advance", context_settings=_LENGTHS)
@click.argument("time")
@options.as_json
@options.service
def advance(time: str, as_json: bool, service: TaskService) -> None:
    """Let time pass: seconds, or a text such as 90s, 1h30m or 7d."""
    try:
        durations.parse(time)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    _show(service.move_clock({"advance": time}), as_json=as_json)


@clock.command("set")
@click.argument("time", callback=times.moment)
@options.as_json
@options.service
def set_clock(time: str, as_json: bool, service: TaskService) -> None:
    """Let time pass until an ISO 8601 time (local, unless it says otherwise); never back."""
    _show(service.move_clock({"moveTo": time}), as_json=as_json)


@clock.command("run-until-idle")
@options.as_json
@options.service
def run_until_idle(as_json: bool, service: TaskService) -> None:
    """Let time pass until nothing waits but schedules."""
    _show(service.move_clock({"runUntilIdle": True}), as_json=as_json)


@clock.command("mode")
@click.argument("mode", type=click.Choice(["real", "manual", "auto"]))
@options.as_json
@options.service
def mode(mode: str, as_json: bool, service: TaskService) -> None:
    """Choose how time passes: by the machine, when it is moved, or while somebody waits."""
    _show(service.move_clock({"mode": mode}), as_json=as_json)


def _show(found: Json, *, as_json: bool) -> None:
    if as_json:
        output.document(found)
        return
    running = f", {found['running']} running" if found["running"] else ""
    output.plain(f"{found['now']}  {found['mode']}{running}")
    output.table(
        _COLUMNS,
        [
            [
                values.moment(due["at"], found["now"][:10]),
                due["kind"],
                due.get("functionName"),
                due["id"],
            ]
            for due in found["due"]
        ],
        empty="nothing is due at any time",
    )
