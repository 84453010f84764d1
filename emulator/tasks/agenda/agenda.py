"""The agenda: what is due when, and whether anything runs, read from the rows of all claimed work.

Rows tell it exactly: work is claimed, ended and made due again in transactions, so that nothing is
ever in between. Calls that leave no row while they run are counted by the invoker.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from taskdock.base.timing.clock import from_epoch
from taskdock.store.database import Store
from taskdock.tasks.model.task import Status

SHOWN = 50  # of what is due, the first by time

_NEW = f"status = '{Status.NEW.value}'"
_RUNS = f"status = '{Status.IN_PROGRESS.value}'"
_LOOK = f"""SELECT
    (SELECT COUNT(*) FROM task WHERE {_RUNS} AND claimed_by = ?1),
    (SELECT COUNT(*) FROM backlog WHERE claimed_by = ?1),
    (SELECT COUNT(*) FROM delivery WHERE claimed_by = ?1),
    (SELECT COUNT(*) FROM schedule WHERE claimed_by = ?1),
    (SELECT MIN(start_timestamp) FROM task WHERE {_NEW}),
    (SELECT MIN(due_timestamp) FROM backlog WHERE claimed_by IS NULL),
    (SELECT MIN(due_timestamp) FROM delivery WHERE claimed_by IS NULL),
    (SELECT MIN(next_timestamp) FROM schedule WHERE claimed_by IS NULL)"""  # noqa: S608
_FIRST = f"""
    SELECT * FROM (SELECT start_timestamp AS at, CASE WHEN retry_for_task_ids IS NULL
        THEN 'task' ELSE 'retry' END AS kind, function_name, id
        FROM task WHERE {_NEW} ORDER BY start_timestamp LIMIT ?)
    UNION ALL SELECT * FROM (SELECT next_timestamp, 'schedule', function_name, id
        FROM schedule WHERE claimed_by IS NULL ORDER BY next_timestamp LIMIT ?)
    UNION ALL SELECT * FROM (SELECT due_timestamp, 'event', invocation.function_name, request_id
        FROM backlog JOIN invocation ON invocation.id = invocation_id
        WHERE claimed_by IS NULL ORDER BY due_timestamp LIMIT ?)
    UNION ALL SELECT * FROM (SELECT due_timestamp, 'delivery', NULL, event_id
        FROM delivery WHERE claimed_by IS NULL ORDER BY due_timestamp LIMIT ?)
    ORDER BY 1, 4 LIMIT ?"""  # noqa: S608


@dataclass(frozen=True, kw_only=True)
class Due:
    """A piece of work that waits for its time."""

    at: datetime
    kind: str
    """`task`, `retry`, `schedule`, `event` (an asynchronous one) or `delivery` (to a webhook)."""
    function_name: str | None
    """None: a webhook is called."""
    id: str
    """Of the task or schedule; AWS's request id of an event; the service event's of a delivery."""


class Work(Enum):
    """The kinds of claimed work: each has a poller of its own."""

    TASK = "task"
    EVENT = "event"
    DELIVERY = "delivery"
    SCHEDULE = "schedule"


@dataclass(frozen=True)
class Look:
    """The agenda at one moment. `first`: when the earliest work of each kind is or was due."""

    running: int
    making: bool
    """Whether a schedule's run is made."""
    first: Mapping[Work, datetime]

    @property
    def next(self) -> datetime | None:
        """When the earliest of all is due; None: nothing waits."""
        return min(self.first.values(), default=None)

    @property
    def is_idle(self) -> bool:
        """Whether nothing waits but schedules, which never end."""
        return not self.first.keys() - {Work.SCHEDULE}

    def due(self, now: datetime) -> list[Work]:
        """The kinds of work that wait at `now` and could be begun."""
        return [work for work, moment in self.first.items() if moment <= now]

    def makes_runs(self, now: datetime) -> bool:
        """Whether runs of schedules are made at `now`, or will be."""
        return self.making or Work.SCHEDULE in self.due(now)

    def is_busy(self, now: datetime) -> bool:
        """Whether something runs, or would if it had been begun already."""
        return self.running > 0 or bool(self.due(now))


class Agenda:
    """For any thread."""

    def __init__(self, *, store: Store, server: str, under_way: Callable[[], int]) -> None:
        """`server`: the name that this server's claims carry: what others have left behind does
        not run here. `under_way`: the number of invocations now, whoever asked for them."""
        self._store = store
        self._server = server
        self._under_way = under_way

    def look(self) -> Look:
        calls = self._under_way()
        (row,) = self._store.rows(_LOOK, (self._server,))
        first = zip(Work, row[len(Work) :], strict=True)
        return Look(
            max(sum(row[: len(Work)]), calls),
            row[len(Work) - 1] > 0,
            {work: from_epoch(moment) for work, moment in first if moment is not None},
        )

    def due(self, limit: int = SHOWN) -> list[Due]:
        """The first of what waits, by time."""
        return [
            Due(at=from_epoch(at), kind=kind, function_name=function, id=str(id))
            for at, kind, function, id in self._store.rows(_FIRST, (limit,) * 5)
        ]
