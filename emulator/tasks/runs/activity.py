"""Activity: tasks, direct executions, API requests and invocations in one list, newest first.

A page reads as many rows of each table as it shows, by an index, and counts nothing: it takes the
same time whether there are a hundred or a million. `Place` is where a page ends: the next one goes
on from there, whatever has come or gone meanwhile.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum
from typing import Annotated, NamedTuple, TypedDict

from taskdock.base.errors import BadField, BadQuery, NotFound
from taskdock.base.strict_json import IsoTime, ObjectId, SchemaPart, one_of, present
from taskdock.base.timing.clock import Clock, to_epoch, to_iso
from taskdock.base.timing.limits import Limits
from taskdock.store.database import Store
from taskdock.store.query.model import Condition
from taskdock.store.time_limit import limited
from taskdock.tasks.logs.log_store import LogStore
from taskdock.tasks.model import checks
from taskdock.tasks.model.task import Status
from taskdock.tasks.runs import activity_tables
from taskdock.tasks.runs.activity_tables import FoundRow
from taskdock.tasks.runs.history import RunHistory

MOST = 200
"""Rows in one answer."""
_PLACE = re.compile(r"(\d{1,15})-([0-9a-f]{24})")


class ActivityKind(str, Enum):
    TASK = "task"
    EXECUTION = "execution"
    """A direct execution, which is a task too."""
    API = "api"
    INVOCATION = "invocation"


class ActivityRowJson(TypedDict):
    id: ObjectId
    kind: Annotated[str, one_of(*ActivityKind)]
    functionName: str
    status: Annotated[str, SchemaPart(description="of a task; those of the others are fewer")]
    at: IsoTime
    """The time of its creation."""
    duration: float | None
    """Milliseconds, where they are known."""
    errorName: str | None
    what: str | None
    """Of an API request: its method, path and status code."""
    requestId: str | None
    """Of an invocation: by which its run is found."""


class Place(NamedTuple):
    """A row's place in the list."""

    at: int
    id: str

    def __str__(self) -> str:
        return f"{self.at}-{self.id}"


@dataclass(frozen=True, kw_only=True)
class ActivityQuery:
    """A choice of rows. `before` or `after`: the rows next to that place; neither: the newest."""

    kind: ActivityKind | None = None
    without: frozenset[ActivityKind] = frozenset()
    """Kinds that are left out: API requests or invocations."""
    status: str | None = None
    function: str | None = None
    failed: bool = False
    since: datetime | None = None
    until: datetime | None = None
    where: Condition | None = None
    """A condition for tasks; there is nothing but tasks then."""
    before: Place | None = None
    after: Place | None = None
    limit: int = 50


@dataclass(frozen=True)
class ActivityPage:
    rows: list[ActivityRowJson]
    older: str | None
    """The place to go on `before`; None: there is nothing older."""
    newer: str | None
    """The place to go on `after`; None: this is the first page."""


class Activity:
    """For any thread."""

    def __init__(
        self,
        *,
        store: Store,
        history: RunHistory,
        log_store: LogStore,
        running: Callable[[], Sequence[str]],
        clock: Clock,
        limits: Limits,
    ) -> None:
        """`log_store` has the invocations that are not written yet. `running`: the ids of those
        that have not ended, beside those that wait in the backlog."""
        self._store = store
        self._log_store = log_store
        self._running = running
        self._history = history
        self._clock = clock
        self._limits = limits

    def page(self, query: ActivityQuery) -> ActivityPage:
        """Raises `BadField`, or `BadQuery` for a condition that is wrong or takes too long."""
        _check(query)
        running = self._running()  # first: of one that ends from here on, the end may be unwritten
        self._history.write_waiting()  # which knows what became of invocations
        if query.before is None and query.after is None:
            self._log_store.write_waiting()
        wanted = replace(query, limit=query.limit + 1)
        with limited(self._store, self._limits.search) as limit:
            found = self._find(wanted, running)
        if limit.is_over:
            raise BadQuery(
                f"this took longer than {self._limits.search:g} s and was ended: no index serves"
                " it. Add a condition that one serves: a function, a status, a time, a tag"
            )
        forwards = query.after is not None
        found.sort(key=lambda row: (row.at, row.id), reverse=not forwards)
        more = len(found) > query.limit
        found = found[: query.limit]
        if forwards:
            found.reverse()
            if not more:  # the first page, filled up
                return self.page(replace(query, after=None))
        return ActivityPage(
            self._shown(found),
            older=_place(found[-1]) if found and (more or forwards) else None,
            newer=_place(found[0]) if found and (forwards or query.before is not None) else None,
        )

    def get(self, id: str) -> ActivityRowJson:
        """The row of this id, of whatever kind. Raises `BadId` or `NotFound`."""
        span = activity_tables.Span(id=checks.object_id(id), running=self._running())
        self._history.write_waiting()
        self._log_store.write_waiting()
        for table in activity_tables.TABLES:
            found = table(self._store, span)
            if found:
                return self._shown(found)[0]
        raise NotFound(f"there is no task, API request or invocation {id}")

    def last(self, time: timedelta) -> datetime:
        """The moment so long ago."""
        return self._clock.now() - time

    def _find(self, query: ActivityQuery, running: Sequence[str]) -> list[FoundRow]:
        tasks, api_requests, invocations = activity_tables.TABLES
        table_of = {
            ActivityKind.TASK: tasks,
            ActivityKind.EXECUTION: tasks,
            ActivityKind.API: api_requests,
            ActivityKind.INVOCATION: invocations,
        }
        kinds = {query.kind} if query.kind else set(ActivityKind)
        chosen = {table_of[kind] for kind in kinds - query.without}
        if query.where is not None:
            chosen &= {tasks}
        span = activity_tables.Span(
            status=query.status,
            function=query.function,
            failed=query.failed,
            direct=_direct(query.kind),
            since=None if query.since is None else to_epoch(query.since),
            until=None if query.until is None else to_epoch(query.until),
            before=query.before,
            after=query.after,
            limit=query.limit,
            where=query.where,
            running=running,
        )
        return [row for table in chosen for row in table(self._store, span)]

    def _shown(self, found: Sequence[FoundRow]) -> list[ActivityRowJson]:
        tasks = [row.id for row in found if row.is_task]
        durations = self._history.durations(tasks) if tasks else {}
        return [_json(row, durations.get(row.id, row.duration)) for row in found]


def place(name: str, text: str | None) -> Place | None:
    """A place as an answer has given it. Raises `BadField`."""
    if not text:
        return None
    known = _PLACE.fullmatch(text)
    if known is None:
        raise BadField(f"{name}: '{text[:40]}' is no place that an answer has given")
    return Place(int(known[1]), known[2])


def _check(query: ActivityQuery) -> None:
    if query.before is not None and query.after is not None:
        raise BadField("give before or after, not both")
    if query.status is not None and query.status not in [each.value for each in Status]:
        known = ", ".join(each.value for each in Status)
        raise BadField(f"status: there is no '{query.status[:40]}'; there are {known}")
    if query.where is not None and query.kind in (ActivityKind.API, ActivityKind.INVOCATION):
        raise BadQuery("RQL is for tasks: choose tasks or direct executions, or all kinds")


def _direct(kind: ActivityKind | None) -> bool | None:
    return {ActivityKind.TASK: False, ActivityKind.EXECUTION: True}.get(kind) if kind else None


def _place(row: FoundRow) -> str:
    return str(Place(row.at, row.id))


def _json(row: FoundRow, duration: float | None) -> ActivityRowJson:
    shown: ActivityRowJson = {
        "id": row.id,
        "kind": row.kind,
        "functionName": row.function,
        "status": row.status,
        "at": to_iso(row.moment),
        "duration": duration,
        "errorName": row.error_name,
        "what": row.what,
        "requestId": row.request_id,
    }
    return present(shown)
