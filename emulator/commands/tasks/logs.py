"""The command logs: the log of a task, of an API request, or of a function's runs."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from contextlib import nullcontext
from itertools import chain, islice
from time import sleep

import click

from taskdock.base import ids
from taskdock.client import follow
from taskdock.client.api import Json, TaskService, equals
from taskdock.client.console import options, output, times
from taskdock.client.console.attempts import Patience, until_interrupted
from taskdock.client.errors import UnknownFunction, UnknownTask
from taskdock.commands.tasks import function_runs
from taskdock.commands.tasks.function_runs import FunctionRun, FunctionRuns

_PAUSE = 0.5  # seconds between two looks at the runs of a function

Line = tuple["FunctionRun | None", "Json | None"]
"""A line, and the run of a function that has printed it; no line: the run has none."""


@click.command()
@click.argument("target", metavar="ID|FUNCTION")
@click.option(
    "-f",
    "--follow",
    "following",
    is_flag=True,
    help="Go on: until the task has ended, or for a function until Ctrl-C.",
)
@click.option(
    "-n", "--tail", type=click.IntRange(min=0), metavar="N", help="The last N lines alone."
)
@times.since
@options.as_json
@options.service
def logs(
    *,
    target: str,
    following: bool,
    tail: int | None,
    since: str | None,
    as_json: bool,
    service: TaskService,
) -> None:
    """Print the log of a task, of an API request, or of a function.

    24 hexadecimal digits are an id, of a task, an API request or a run; anything else is the name
    of a function, as are such digits where nothing has that id.

    Of a function, the log of its latest run is printed, be that a task, a direct execution, an API
    request or an invocation by AWS's Lambda API; with --since all of that time, and with --tail as
    many runs as have the last lines. Where another run begins, a line names it. With -f the runs
    that come are followed, until Ctrl-C; the log of an API request or an invocation comes when
    that has ended.

    With -f and --json: a JSON object a line, as they come.
    """
    beginning = times.beginning(since, service)
    shown = _Shown(as_json=as_json, gathers=not following)
    with until_interrupted() if following else nullcontext():
        for run, line in _lines(service, target, following, tail, beginning):
            shown.add(run, line)
    shown.end()


class _Shown:
    """Prints lines as they come; `gathers`: as one JSON document in the end, for --json."""

    def __init__(self, *, as_json: bool, gathers: bool) -> None:
        self._as_json = as_json
        self._gathered: list[Json] | None = [] if as_json and gathers else None
        self._run: FunctionRun | None = None

    def add(self, run: FunctionRun | None, line: Json | None) -> None:
        if self._as_json:
            if line is not None:
                own = line if run is None else {**line, "kind": run.kind, "id": run.id}
                self._print_json(own)
            return
        if run is not None and (self._run is None or self._run.id != run.id):
            if self._run is not None:
                output.plain()
            output.plain(_heading(run, empty=line is None))
            self._run = run
        if line is not None:
            message = output.message(line["message"], terminal=sys.stdout.isatty())
            output.plain(f"{line['timestamp']}  {message}")

    def end(self) -> None:
        if self._gathered is not None:
            output.document(self._gathered)

    def _print_json(self, line: Json) -> None:
        if self._gathered is None:
            output.line(line)
        else:
            self._gathered.append(line)


def _heading(run: FunctionRun, *, empty: bool) -> str:
    """A line as tail(1) has it between files. A run without a log has its error there."""
    error = f": no log; {run.error['name']}: {run.error['message']}" if empty and run.error else ""
    return f"==> {run.kind} {run.id}{error} <=="


def _lines(
    service: TaskService, target: str, following: bool, tail: int | None, since: str | None
) -> Iterator[Line]:
    if ids.is_object_id(target):
        lines = _of_id(service, target, following, tail)
        if lines is not None:
            return ((None, line) for line in lines if since is None or line["timestamp"] >= since)
    try:
        return _of_function(service, target, following, tail, since)
    except UnknownFunction:
        if ids.is_object_id(target):
            raise UnknownTask(target) from None
        raise


def _of_id(
    service: TaskService, id: str, following: bool, tail: int | None
) -> Iterator[Json] | None:
    """The log lines of a task, an API request or a run; None: there is none with this id."""
    if service.tasks(equals("id", id)):
        if not following:
            return _last(service.logs(id), tail)
        skipped = 0 if tail is None else len(list(follow.lines_so_far(service, id))) - tail
        return islice(_followed(service, id), max(skipped, 0), None)
    if service.api_requests(equals("id", id)):
        return _last(service.api_request_logs(id), tail)
    lines = function_runs.run_log(service, id)
    return None if lines is None else _last(lines, tail)


def _followed(service: TaskService, task_id: str) -> Iterator[Json]:
    with follow.under_way():
        yield from follow.log_lines(service, task_id)


def _last(lines: Iterator[Json], tail: int | None) -> Iterator[Json]:
    return lines if tail is None else iter(deque(lines, maxlen=tail))


def _of_function(
    service: TaskService, name: str, following: bool, tail: int | None, since: str | None
) -> Iterator[Line]:
    """Raises `UnknownFunction` for a name of which nothing is known."""
    runs = FunctionRuns(service, name)
    found = runs.latest(since)
    if not found:
        service.function(name)
        advice = (
            "its runs are awaited until Ctrl-C"
            if following
            else f"run it with: taskdock run {name}"
        )
        output.note(f"{name} has not run{' in that time' if since else ' yet'}; {advice}")
    if tail is None and since is None:
        found = found[-1:]
    before = _so_far(runs, found, tail)
    return chain(before, _coming(service, runs)) if following else before


def _so_far(runs: FunctionRuns, found: list[FunctionRun], tail: int | None) -> Iterator[Line]:
    """The lines up to now; with `tail` the last of them, for which as few runs are read as have
    them, beside those that go on."""
    lines: list[list[Line]] = []
    missing = tail
    for run in reversed(found):
        if missing is not None and missing <= 0 and run.ended:
            continue
        own = list(run.lines(0))
        runs.count(run, len(own))
        if missing is not None:
            kept = own[max(len(own) - missing, 0) :]
            missing -= len(kept)
        else:
            kept = own
        if kept or (tail is None and run.ended):
            lines.append([(run, line) for line in kept] or [(run, None)])
    return chain.from_iterable(reversed(lines))


def _coming(service: TaskService, runs: FunctionRuns) -> Iterator[Line]:
    """The lines that come, without an end, whether or not the server is there all the time."""
    patience = Patience(service.url, output.note)
    while True:
        with patience.attempt():
            yield from runs.new_lines()
        sleep(_PAUSE)
