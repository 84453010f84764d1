"""The command dev: functions follow their files."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import click

from taskdock.base import strict_json
from taskdock.base.errors import StartupError, TaskdockError
from taskdock.base.settings import Settings
from taskdock.base.timing.clock import SystemClock
from taskdock.client.api import TaskService
from taskdock.client.console import options, output
from taskdock.client.development import server
from taskdock.client.development.session import Session
from taskdock.client.development.showing import Screen
from taskdock.client.development.trial import Trials
from taskdock.client.development.updating.developed_function import DevelopedFunction
from taskdock.client.development.updating.grants import Grants
from taskdock.client.development.updating.sending import CodeSender
from taskdock.client.development.watching import projects
from taskdock.client.servers.local_server import own_command

_NOTHING = object()


@click.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="[PATHS]...")
@click.option(
    "--run",
    "event",
    metavar="EVENT",
    help="Run each function after it has changed, with this JSON or the file @FILE, and show what"
    " is other than before.",
)
@click.option(
    "--poll",
    is_flag=True,
    help="Look at the files again and again. This is done by itself where no events come.",
)
@click.option(
    "--yes",
    is_flag=True,
    help="Let the files take the variables of this environment, and run the builds, they name.",
)
@options.service
def dev(
    *, paths: tuple[Path, ...], event: str | None, poll: bool, yes: bool, service: TaskService
) -> None:
    """Build, deploy and switch functions on each save.

    PATHS are as for deploy; without any, the current folder. Calls that run end with the code they
    began with. Where a build fails, or the code has a syntax error, the old version stays. Where no
    server answers, one is started, and ends with this command.
    """
    try:
        settings = Settings.load({})
    except StartupError as error:
        raise click.UsageError(error.message) from None
    data = _NOTHING if event is None else _parsed(event)
    clock, grants, paths = SystemClock(), Grants(yes), paths or (Path(),)
    _ask(paths, grants, clock)
    with ExitStack() as stack:
        _end_by(signal.SIGTERM, stack)
        try:
            reached = stack.enter_context(
                server.reached(service, own_command(), settings, clock, output.note)
            )
            _develop(reached, paths, data, grants, clock, poll=poll)
        except KeyboardInterrupt:
            output.note("stopping")


def _ask(paths: tuple[Path, ...], grants: Grants, clock: SystemClock) -> None:
    """Asks for all that the files of functions want, before anything is started. A refusal ends the
    command where it is about the only function."""
    files = projects.files_of(paths)
    for file in files:
        try:
            DevelopedFunction(file, grants, clock, lambda *_: None).ask()
        except TaskdockError:
            if len(files) == 1:
                raise


def _develop(
    service: TaskService,
    paths: tuple[Path, ...],
    data: Any,
    grants: Grants,
    clock: SystemClock,
    *,
    poll: bool,
) -> None:
    screen = Screen(service.url, clock)
    trials = Trials(service, data, paths, clock)
    has_event = data is not _NOTHING
    session = Session(
        paths,
        sender=CodeSender(service, clock),
        life=lambda: str(service.status()["startTimestamp"]),
        grants=grants,
        view=screen,
        ran=lambda name: trials.want(name) if has_event else None,
        clock=clock,
        poll=poll,
    )
    trials.start(lambda trial: session.post(partial(screen.tried, trial)))
    try:
        session.start()
        session.run()
    finally:
        session.close()


def _parsed(event: str) -> Any:
    try:
        if event.startswith("@"):
            return strict_json.loads(Path(event[1:]).read_text(encoding="utf-8-sig"))
        return strict_json.loads(event)
    except OSError as error:
        raise click.UsageError(f"--run: {event[1:]} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise click.UsageError(f"--run was given no valid JSON: {error}") from None


def _end_by(number: signal.Signals, stack: ExitStack) -> None:
    """The signal ends the command in order, as Ctrl-C does."""
    previous = signal.signal(number, signal.default_int_handler)
    stack.callback(signal.signal, number, previous)
