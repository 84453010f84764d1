"""The command debug: lets a debugger into functions, and calls of theirs wait at breakpoints."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import IO, Any

import click

from taskdock.base.errors import TaskdockError
from taskdock.base.machine import threads
from taskdock.base.timing.clock import SystemClock
from taskdock.client import follow
from taskdock.client.api import Json, TaskService
from taskdock.client.console import exits, options, output
from taskdock.client.development.debugging import deployed_code, settings_files, sources
from taskdock.client.development.debugging.session_keeper import SessionKeeper
from taskdock.client.development.debugging.sources import FunctionSource
from taskdock.client.errors import UnknownFunction
from taskdock.client.failures import telling
from taskdock.client.failures.telling import LogChoice

_NO_END = 7 * 24 * 3600.0  # seconds: a breakpoint may be held for long
_LAST_PORT = 65535


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--port",
    type=click.IntRange(1, _LAST_PORT),
    help="For the first function; the others take the next free ones."
    "  [5678 for Python and 9229 for Node.js, where free]",
)
@click.option(
    "--wait", is_flag=True, help="The function's first line, and each call, wait for a debugger."
)
@click.option(
    "--others",
    type=click.Choice(["wait", "normal"]),
    default="wait",
    show_default=True,
    help="Calls that come while one is debugged: they wait for their turn, or run as usual.",
)
@click.option(
    "--language",
    type=click.Choice(["python", "nodejs"]),
    help="Of a function that is a container image.",
)
@click.option("--print", "print_only", is_flag=True, help="Print launch.json; write no file.")
@options.event_data
@options.service
def debug(
    *,
    names: Sequence[str],
    port: int | None,
    wait: bool,
    others: str,
    language: str | None,
    print_only: bool,
    text: str | None,
    file: IO[bytes] | None,
    service: TaskService,
) -> None:
    """Debug functions in their containers, with VS Code, PyCharm or any other debugger.

    NAME is a function's name, or the path of its task-config.json. Its debugger listens on
    127.0.0.1, and calls of every kind enter the debugged environment. With -d or -e, a call is made
    at once. The session lasts until Ctrl-C; the time limit is off meanwhile.
    """
    data = options.parse_data(text, file)
    calls = text is not None or file is not None
    found = [sources.find(name, Path.cwd(), partial(_is_function, service)) for name in names]
    _check(found, calls=calls)
    for source in found:
        service.function(source.name)  # it knows the name that may be meant
    warnings = _of_other_code(service, found)  # before sessions begin, which have to be kept
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        with SessionKeeper(service, output.note) as keeper:
            wish = {"wait": wait, "others": others, "language": language}
            debugged = [
                (source, keeper.begin(_body(source, wish, port if source is found[0] else None)))
                for source in found
            ]
            _introduce(debugged, print_only=print_only)
            for warning in warnings:
                output.note(warning)
            if calls:
                _, session = debugged[0]
                _start_call(keeper, session, service, data)
            with follow.under_way():
                keeper.keep()
    except KeyboardInterrupt:
        output.note("the debug session is over; the usual limits are back")
        return
    sys.exit(exits.NOT_RUN)


def _is_function(service: TaskService, name: str) -> bool:
    try:
        service.function(name)
    except UnknownFunction:
        return False
    return True


def _check(found: Sequence[FunctionSource], *, calls: bool) -> None:
    names = [source.name for source in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise click.UsageError(f"{', '.join(twice)} was named twice")
    if calls and len(found) > 1:
        raise click.UsageError("-d and -e make a call of one function; name one alone")


def _body(source: FunctionSource, wish: Json, port: int | None) -> Json:
    body = {"functionName": source.name, "port": port, **wish}
    return {name: value for name, value in body.items() if value is not None}


def _introduce(debugged: Sequence[tuple[FunctionSource, Json]], *, print_only: bool) -> None:
    project = sources.project_of(Path.cwd())
    for source, session in debugged:
        kind = "Python (debugpy)" if session["language"] == "python" else "Node.js (inspector)"
        output.note(f"{source.name}: {kind} on {session['host']}:{session['port']}")
        output.note(f"    the time limit of {session['timeLimit']} s is off during the session")
        if source.folder is None:
            output.note(
                "    its code is not known here; the settings take it to be in the project's own"
                " folder: name the function by the path of its task-config.json"
            )
    if print_only:
        output.plain(settings_files.printed(debugged, project))
    else:
        for sentence in settings_files.write(debugged, project):
            output.note(sentence)
    names = ", ".join(f'"taskdock: {source.name}"' for source, _ in debugged)
    output.note(f"attach with {names}, then call the function; Ctrl-C ends the session")


def _of_other_code(service: TaskService, found: Sequence[FunctionSource]) -> list[str]:
    said = {source.name: deployed_code.complaint(service, source) for source in found}
    return [f"warning: {name}: {complaint}" for name, complaint in said.items() if complaint]


def _start_call(keeper: SessionKeeper, session: Json, service: TaskService, data: Any) -> None:
    """On a thread of its own, since the sessions have to be kept meanwhile."""

    def call() -> None:
        def is_ready(state: Json) -> bool:
            return bool(state["clients"]) if state["wait"] else state["state"] != "starting"

        if keeper.await_state(session["id"], is_ready):
            _call(service, session["functionName"], data)

    threads.start(call, name="call")


def _call(service: TaskService, name: str, data: Any) -> None:
    clock = SystemClock()
    try:
        end = follow.call(service, name, data, clock=clock, seconds=_NO_END)
    except TaskdockError as error:
        output.note(error.message)
        return
    if end.error is not None:
        telling.show_failure(
            service, name, end.task_id, end.error, choice=LogChoice.SHORT, data=data
        )
        return
    telling.show_log(telling.messages(service, end.task_id), LogChoice.FULL)
    if end.has_result:
        output.document(end.result)
    else:
        output.note(follow.NO_RESULT)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
