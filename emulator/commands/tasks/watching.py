"""Watching a list of tasks: drawn in place on a terminal, a line for each change anywhere else."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from time import sleep

from taskdock.base import terminal
from taskdock.client.api import Json, TaskService
from taskdock.client.console import output, times
from taskdock.client.console.attempts import Patience, until_interrupted
from taskdock.client.console.tables import task_table
from taskdock.client.errors import ServerUnreachable, ServiceError

_PAUSE = 1.0  # seconds between two looks, so that a server hardly notices
_PAGE = 50  # tasks, the most that the service gives at once
_ALL = sys.maxsize  # pages


def watch(service: TaskService, conditions: Sequence[str], limit: int, *, as_json: bool) -> None:
    """Watches the newest `limit` tasks of these RQL conditions until Ctrl-C, which exits with 0."""
    drawn = sys.stdout.isatty() and os.environ.get("TERM") != "dumb" and not as_json
    with until_interrupted():
        if drawn:
            _draw(service, conditions, limit)
        else:
            _tell(service, conditions, as_json=as_json)


def rows(service: TaskService, tasks: Sequence[Json]) -> list[Sequence[object]]:
    """The rows of the table of tasks."""
    took = _durations(service, tasks) if tasks else {}
    now = times.now(service)
    return [task_table.row(task, milliseconds=took.get(task["id"]), now=now) for task in tasks]


def _durations(service: TaskService, tasks: Sequence[Json]) -> dict[str, float]:
    """Milliseconds that the runs of tasks took, by the ids of those that are known; none where the
    server does not say."""
    query = "&".join(f"taskId={task['id']}" for task in tasks)
    try:
        return dict(service.call("GET", f"/taskdock/runs/durations?{query}")["durations"])
    except (ServiceError, ServerUnreachable, KeyError):  # no harness, or an older server
        return {}


def empty(all_tasks: bool) -> str:
    """The advice where there is no task; `all_tasks`: of whatever kind."""
    found = "no tasks yet" if all_tasks else "no such tasks"
    return f"{found}; create one with: taskdock tasks create NAME"


def _draw(service: TaskService, conditions: Sequence[str], limit: int) -> None:
    list_ = _WatchedList(service, conditions, limit)
    patience = Patience(service.url, lambda _: None)
    shown: object = None
    with patience.attempt():  # before the screen is taken: a wrong address is an error
        list_.look()
    try:
        with terminal.own_screen(sys.stdout) as draw:
            while True:
                lines = list_.lines()
                state = (lines, patience.lost, output.screen_size())
                if state != shown:
                    shown = state
                    draw(_fitting(lines, patience.lost))
                sleep(_PAUSE)
                with patience.attempt():
                    list_.look()
    finally:
        for line in list_.lines():  # what was seen last stays on the screen of before
            output.say(line)


class _WatchedList:
    """A list of tasks as it was seen last."""

    def __init__(self, service: TaskService, conditions: Sequence[str], limit: int) -> None:
        self._service = service
        self._query = "&".join([*conditions, "sort(-creationTimestamp)", f"limit({limit})"])
        self._empty = empty(not conditions)
        self._tasks: list[Json] = []
        self._rows: list[Sequence[object]] = []

    def look(self) -> None:
        """Asks the server: for the tasks, and for no more where they are as before and none runs,
        whose duration would grow."""
        found = self._service.tasks(self._query)
        if found != self._tasks or any(task["status"] == "inProgress" for task in found):
            self._rows = rows(self._service, found)
        self._tasks = found

    def lines(self) -> list[str]:
        """As many lines as there are, as wide as the terminal is now."""
        if not self._rows:
            return [self._empty]
        return output.table_lines(task_table.COLUMNS, self._rows)


def _fitting(lines: Sequence[str], lost: str) -> list[str]:
    """The lines that the screen has room for, and a last one that says how to end."""
    room = max(output.screen_size().lines - 2, 1)
    left = len(lines) - room
    last = (lost and f"{lost}; tried again every second") or "Ctrl-C ends this"
    if left > 0:
        last = f"{left} more lines; {last}"
    return [*lines[:room], "", last][-output.screen_size().lines :]


def _tell(service: TaskService, conditions: Sequence[str], *, as_json: bool) -> None:
    patience, tell = Patience(service.url, output.note), _json if as_json else _line
    seen: dict[str, str] = {}
    pages = 1  # at first; then as many as have changes
    while True:
        with patience.attempt():
            changed = _changes(islice(_pages(service, conditions), pages), seen)
            pages = _ALL
            seen.update((task["id"], task["status"]) for task in changed)
            for task in changed:
                tell(task)
        sleep(_PAUSE)


def _changes(pages: Iterable[list[Json]], seen: Mapping[str, str]) -> Sequence[Json]:
    """The tasks with a status that is not in `seen`, the oldest change first."""
    changed: dict[str, Json] = {}
    for page in pages:
        new = [task for task in page if seen.get(task["id"]) != task["status"]]
        changed.update((task["id"], task) for task in new)
        if len(new) < len(page):
            break
    return sorted(changed.values(), key=lambda task: str(task["statusChangedTimestamp"]))


def _pages(service: TaskService, conditions: Sequence[str]) -> Iterator[list[Json]]:
    offset = 0
    while True:
        query = [*conditions, "sort(-updateTimestamp)", f"limit({_PAGE},{offset})"]
        page = service.tasks("&".join(query))
        yield page
        offset += len(page)
        if len(page) < _PAGE:
            return


_json: Callable[[Json], None] = output.line


def _line(task: Json) -> None:
    error = (task.get("error") or {}).get("name", "")
    words = [task["statusChangedTimestamp"], task["id"], task["functionName"], task["status"]]
    output.plain("  ".join([*words, *([error] if error else [])]))
