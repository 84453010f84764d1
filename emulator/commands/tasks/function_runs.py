"""Runs of one function, of whatever kind: found, and followed as they come.

Following a function moves no clock of the server: it has no end to wait for, and a clock in mode
auto would run through the years.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import quote

from taskdock.base.timing.clock import to_iso
from taskdock.client import follow
from taskdock.client.api import NO_PERMISSION, Json, TaskService, equals
from taskdock.client.errors import ServerUnreachable, ServiceError

_PAGE = 50  # tasks or API requests, the most that the service gives at once


@dataclass(frozen=True)
class FunctionRun:
    """One time that a function ran, under the id by which its log is found."""

    kind: str
    """`task`, `API request` or `invocation`."""
    id: str
    at: str
    """When it ended, or began if it goes on: a timestamp of the service."""
    ended: bool
    error: Json | None
    lines: Callable[[int], Iterator[Json]]
    """Its log lines from one with this number on."""


class FunctionRuns:
    """The runs of one function, as far as the server keeps them: tasks, direct executions among
    them; API requests, which are there once they have ended; and invocations by AWS's Lambda API,
    which only a server with its harness tells of, once they have ended."""

    def __init__(self, service: TaskService, name: str) -> None:
        self._service = service
        self._name = name
        self._named = equals("functionName", name)
        self._printed: dict[str, int] = {}  # lines by the id of a run that goes on
        self._done: set[str] = set()
        self._invoked: list[FunctionRun] = []  # those that are still to be read
        self._since: int | None = None  # the number of the newest invocation that was told

    def latest(self, since: str | None = None) -> list[FunctionRun]:
        """The runs of a page of each kind, the oldest first; those that ended before `since` left
        out. They count as read from now on: `new_lines` goes on with what they lack."""
        found = [run for pages in self._kinds() for run in next(pages, ())]
        self._done |= {run.id for run in found if run.ended}
        kept = [run for run in found if since is None or not run.ended or run.at >= since]
        return sorted(kept, key=lambda run: (run.at, run.id))

    def count(self, run: FunctionRun, lines: int) -> None:
        """So many lines of a run have been read."""
        self._printed[run.id] = lines

    def new_lines(self) -> Iterator[tuple[FunctionRun, Json | None]]:
        """The lines that came since the last call, run by run; None for a run that has ended
        without any."""
        new = {run.id: run for run in self._new()}  # one may move to the next page meanwhile
        for run in sorted(new.values(), key=lambda run: (run.at, run.id)):
            for line in run.lines(self._printed.get(run.id, 0)):
                self._printed[run.id] = self._printed.get(run.id, 0) + 1
                yield run, line
            if run.ended and not self._printed.get(run.id):
                yield run, None
            if run.ended:  # it was when its lines were asked for, so all are there
                self._done.add(run.id)
                self._printed.pop(run.id, None)

    def _new(self) -> Iterator[FunctionRun]:
        for pages in self._kinds():
            for page in pages:
                new = [run for run in page if run.id not in self._done]
                yield from new
                if len(new) < _PAGE:  # behind it come those that were read before
                    break

    def _kinds(self) -> Sequence[Iterator[list[FunctionRun]]]:
        return self._tasks(), self._api_requests(), self._invocations()

    def _tasks(self) -> Iterator[list[FunctionRun]]:
        begun = (
            f"{self._named}&in(status,inProgress,{','.join(sorted(follow.ENDED - {'canceled'}))})"
        )
        for offset in range(0, 1_000_000, _PAGE):
            rql = f"{begun}&sort(-updateTimestamp)&limit({_PAGE},{offset})"
            yield [self._task(task) for task in self._service.tasks(rql)]

    def _task(self, task: Json) -> FunctionRun:
        return FunctionRun(
            kind="task",
            id=task["id"],
            at=task["statusChangedTimestamp"],
            ended=task["status"] in follow.ENDED,
            error=task.get("error"),
            lines=lambda skip: follow.lines_so_far(self._service, task["id"], skip),
        )

    def _api_requests(self) -> Iterator[list[FunctionRun]]:
        for offset in range(0, 1_000_000, _PAGE):
            rql = f"{self._named}&sort(-timestamp)&limit({_PAGE},{offset})"
            try:
                page = self._service.api_requests(rql)
            except ServiceError as error:
                if error.code != NO_PERMISSION:
                    raise
                return  # who may see the tasks alone gets these
            yield [self._api_request(request) for request in page]

    def _api_request(self, request: Json) -> FunctionRun:
        return FunctionRun(
            kind="API request",
            id=request["id"],
            at=_later(request["timestamp"], request["duration"]),
            ended=True,
            error=request.get("error"),
            lines=lambda skip: self._service.api_request_logs(request["id"], skip=skip),
        )

    def _invocations(self) -> Iterator[list[FunctionRun]]:
        first = f"limit={_PAGE}"
        of_name = f"/taskdock/runs?functionName={quote(self._name, safe='')}"
        while True:
            rest = first if self._since is None else f"since={self._since}"
            try:
                answer = self._service.call("GET", f"{of_name}&{rest}")
            except (ServiceError, ServerUnreachable):  # the harness is off, or there is none
                return
            self._since = answer["last"]
            invoked = [run for run in answer["data"] if run["kind"] in ("invocation", "event")]
            self._invoked = [run for run in self._invoked if run.id not in self._done]
            self._invoked += map(_invocation, invoked)
            yield self._invoked
            if not answer["data"]:
                return


def run_log(service: TaskService, run_id: str) -> Iterator[Json] | None:
    """The log lines of a run of the server's history; None: there is none with this id."""
    try:
        return _invocation(service.call("GET", f"/taskdock/runs/{quote(run_id, safe='')}")).lines(0)
    except (ServiceError, ServerUnreachable):  # the harness is off, or there is none
        return None


def _invocation(run: Json) -> FunctionRun:
    at = _later(run["at"], run.get("duration", 0) / 1000)
    lines = [{"timestamp": run["at"], "message": line} for line in run["log"]]
    return FunctionRun(
        kind="invocation",
        id=run["id"],
        at=at,
        ended=True,
        error=run.get("error"),
        lines=lambda skip: iter(lines[skip:]),
    )


def _later(timestamp: str, seconds: float) -> str:
    began = datetime.fromisoformat(timestamp.replace("Z", "+00:00"))
    return to_iso(began + timedelta(seconds=seconds))
