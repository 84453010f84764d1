"""The backlog: invocations that were accepted (AWS: asynchronous ones) and have still to end.

One is in it from before its caller hears so until it has ended, so a crash loses none. A server
runs what its own backlog holds; there is one server for each database.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from peewee import fn

from emulator.base.timing.clock import Clock
from emulator.lambdas.invoke.invocation import Call
from emulator.store import sql
from emulator.store.database import Store
from emulator.store.tables import BacklogRow, InvocationRow
from emulator.tasks.logs.invocation_record import InvocationRecord, write_invocations

# https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
_RETRIES = (timedelta(minutes=1), timedelta(minutes=2))
_OLDEST = timedelta(hours=6)
_SHORTEST_WAIT = timedelta(seconds=1)
_LONGEST_WAIT = timedelta(minutes=5)

_INSERT = sql.insert(BacklogRow)


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """An invocation of the backlog; `attempts` are those that failed."""

    record: InvocationRecord
    event: bytes
    call: Call
    attempts: int

    def expired(self, now: datetime) -> bool:
        return now - self.record.timestamp > _OLDEST

    def after_failure(self, now: datetime) -> datetime | None:
        """When it is tried again after the function has failed; None: it is given up."""
        if self.attempts == len(_RETRIES):
            return None
        return now + _RETRIES[self.attempts]

    def after_refusal(self, now: datetime) -> datetime:
        """When it is tried again that could not be started: later each time, as it gets older."""
        return now + min(max(now - self.record.timestamp, _SHORTEST_WAIT), _LONGEST_WAIT)


class EventQueue:
    def __init__(self, *, store: Store) -> None:
        self._store = store

    def add(self, record: InvocationRecord, event: bytes, call: Call) -> None:
        with self._store.transaction():
            write_invocations(self._store, [record])
            row = {
                "invocation_id": record.id,
                "event": event.decode(),
                "client_context": call.client_context,
                "arn": call.arn,
                "attempts": 0,
                "due_timestamp": record.timestamp,
            }
            self._store.change(_INSERT, sql.to_row(BacklogRow, row))

    def due(self, now: datetime, limit: int, *, without: Collection[str]) -> list[Accepted]:
        """Of those that are due, the ones that have waited longest; none of the ids `without`."""
        query = (
            BacklogRow.select(BacklogRow, InvocationRow)
            .join(
                InvocationRow,
                on=(InvocationRow.id == BacklogRow.invocation_id),
                attr="invocation",
            )
            .where(BacklogRow.due_timestamp <= now, BacklogRow.invocation_id.not_in(list(without)))
            .order_by(BacklogRow.due_timestamp, BacklogRow.invocation_id)
        )
        return [_from_row(row) for row in query.limit(limit).execute(self._store.db)]

    def next_due(self, *, without: Collection[str]) -> datetime | None:
        query = (
            BacklogRow.select(BacklogRow.due_timestamp)
            .where(BacklogRow.invocation_id.not_in(list(without)))
            .order_by(BacklogRow.due_timestamp)
        )
        row = query.limit(1).first(self._store.db)
        return None if row is None else row.due_timestamp

    def bring_forward(self, clock: Clock) -> None:
        """Has those be due now that a clock which was set back since keeps waiting: accepted at a
        time that is still to come, or due later than any wait is long."""
        if not BacklogRow.select().where(_ahead(clock.now())).exists(self._store.db):
            return
        with self._store.transaction():  # the clock is read when nobody can add one
            now = clock.now()
            BacklogRow.update(due_timestamp=now).where(_ahead(now)).execute(self._store.db)

    def remove(self, accepted: Accepted) -> None:
        BacklogRow.delete().where(BacklogRow.invocation_id == accepted.record.id).execute(
            self._store.db
        )

    def postpone(self, accepted: Accepted, due: datetime, *, attempts: int) -> None:
        BacklogRow.update(due_timestamp=due, attempts=attempts).where(
            BacklogRow.invocation_id == accepted.record.id
        ).execute(self._store.db)


def _ahead(now: datetime) -> Any:
    accepted_later = InvocationRow.select(InvocationRow.id).where(
        InvocationRow.id == BacklogRow.invocation_id, InvocationRow.timestamp > now
    )
    waits = (BacklogRow.due_timestamp > now) & fn.EXISTS(accepted_later)
    return waits | (BacklogRow.due_timestamp > now + _LONGEST_WAIT)


def _from_row(row: Any) -> Accepted:
    record = InvocationRecord(**row.invocation.__data__)
    return Accepted(
        record=record,
        event=row.event.encode(),
        call=Call(request_id=record.request_id, client_context=row.client_context, arn=row.arn),
        attempts=row.attempts,
    )
