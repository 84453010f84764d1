"""Finds and removes rows that have ended, the oldest first, with all that belongs to them.

Each table has its bound (`store/tables.py`):

- task, task_tag, api_request, invocation, event and task_log: the retention, by what is here.
- backlog: an entry goes with its ending, after six hours at the latest (`work/delays.py`).
- run: as many as the setting `history` says, and bytes (`runs/history.py`): `Limits.history_bytes`,
  or a quarter of the size that the database may have.
- delivery: an entry goes when it is accepted, or after its third failure (`events/outbox.py`). They
  go one by one, so those for a webhook that hangs can pile up; then the size is told as a trouble.
- schedule_run: one row for each schedule (`schedules/schedules.py`).
- function, schedule, subscription, user, role, user_role, application: what callers have made and
  not deleted.
- token: access tokens go a day after their end (`identity/tokens.py`). The others have no end, as
  with the service: one for each sign-in, until its user removes it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from taskdock.base.timing.clock import from_epoch, to_epoch
from taskdock.store import sql
from taskdock.store.database import Store
from taskdock.tasks.model.task import FINAL, Status

LINES = 100  # log lines that one statement removes


@dataclass(frozen=True)
class RecordKind:
    """A kind of rows that end; an index begins with `time`, or with what `ended` fixes and that."""

    name: str  # as `/status` has it
    table: str
    time: str
    ended: str = "1 = 1"  # a condition; a ? in it stands for the same moment as that of `time`
    parents: str = "NULL"  # ids of others that go with it, as JSON
    may_run: bool = False
    """Whether the row is there from the beginning, and does not say that the work has ended."""


def _tasks(status: Status) -> RecordKind:
    """Earlier attempts, which are `retried`, go with the last: it names them, and they name it."""
    return RecordKind(
        "tasks",
        "task",
        "creation_timestamp",
        f"status = '{status.value}' AND status_changed_timestamp < ?",
        parents="retry_for_task_ids",
    )


KINDS = (
    *(_tasks(status) for status in sorted(FINAL - {Status.RETRIED})),
    RecordKind("apiRequests", "api_request", "timestamp"),
    RecordKind(
        "invocations",
        "invocation",
        "timestamp",
        "NOT EXISTS (SELECT 1 FROM backlog WHERE invocation_id = invocation.id)",
        may_run=True,
    ),
    RecordKind(
        "events", "event", "creation_timestamp", "id NOT IN (SELECT event_id FROM delivery)"
    ),
)
_OWNERS = (
    ("task", "creation_timestamp"),
    ("api_request", "timestamp"),
    ("invocation", "timestamp"),
)
_OWNED = " OR ".join(
    f"EXISTS (SELECT 1 FROM {table} AS owner WHERE owner.id = task_log.task_id)"  # noqa: S608
    for table, _ in _OWNERS
)
_LINES_AFTER = f"""SELECT id, task_id, timestamp, {_OWNED} FROM task_log
    WHERE id > ? ORDER BY id LIMIT ?"""  # noqa: S608
_LAST_LINE = "SELECT MAX(id) FROM task_log"
_REMOVE_LINES = f"""DELETE FROM task_log WHERE id IN
    (SELECT id FROM task_log WHERE task_id = ? LIMIT {LINES})"""  # noqa: S608
_REMOVE_TAGS = "DELETE FROM task_tag WHERE task_id = ?"


def oldest(store: Store, kind: RecordKind, before: datetime) -> datetime | None:
    """The time of the oldest that has ended before a moment."""
    found = _ended(store, kind, kind.time, before, 1)
    return from_epoch(found[0][0]) if found else None


def ended(store: Store, kind: RecordKind, before: datetime, limit: int) -> list[list[str]]:
    """The oldest that have ended before a moment, each with the ids of what goes with it."""
    found = _ended(store, kind, f"id, {kind.parents}", before, limit)
    return [[id, *json.loads(parents or "[]")] for id, parents in found]


def remove(store: Store, kind: RecordKind, ids: Sequence[str]) -> None:
    """The rows themselves, so that they are unknown from now on. Only inside a transaction."""
    these = sql.placeholders(len(ids))
    store.change(f"DELETE FROM {kind.table} WHERE id IN ({these})", ids)  # noqa: S608
    if kind.table == "task":
        store.change_many(_REMOVE_TAGS, [(id,) for id in ids])


def remove_lines(store: Store, owner: str) -> int:
    """Removes `LINES` log lines at most, and returns their number; fewer than `LINES`: no more are
    left."""
    return store.change(_REMOVE_LINES, (owner,))


def lost_lines(store: Store, after: int, before: datetime, limit: int) -> tuple[int, list[str]]:
    """Looks through `limit` log lines, from one on until one of `before` or later.

    The last one that was seen, and the owners that are unknown: what was printed behind an ending
    that is removed already, or belongs to something whose own row could not be written.
    """
    seen, moment = after, to_epoch(before)
    unknown: dict[str, None] = {}
    for id, owner, time, owned in store.rows(_LINES_AFTER, (after, limit)):
        if time >= moment:
            break
        seen = id
        if not owned:
            unknown[owner] = None
    return seen, list(unknown)


def last_line(store: Store) -> int:
    ((last,),) = store.rows(_LAST_LINE)
    return last or 0


def oldest_kept(store: Store) -> datetime | None:
    """The time at which the oldest task, API request or invocation was made."""
    moments = [
        moment
        for table, time in _OWNERS
        for ((moment),) in store.rows(f"SELECT MIN({time}) FROM {table}")  # noqa: S608
        if moment is not None
    ]
    return from_epoch(min(moments)) if moments else None


def _ended(
    store: Store, kind: RecordKind, columns: str, before: datetime, limit: int
) -> list[tuple[Any, ...]]:
    statement = (
        f"SELECT {columns} FROM {kind.table} WHERE {kind.time} < ? AND {kind.ended}"  # noqa: S608
        f" ORDER BY {kind.time} LIMIT {limit}"
    )
    return store.rows(statement, (to_epoch(before),) * statement.count("?"))
