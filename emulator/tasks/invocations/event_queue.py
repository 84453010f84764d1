"""The queue of asynchronous events: invocations that were accepted and have still to end.

An event is in the queue from before its caller hears so until it has ended, so a crash loses none.
A server runs the events that it has claimed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from peewee import fn

from taskdock.base.timing.clock import Clock, from_epoch
from taskdock.lambdas.invoke.invocation import Call
from taskdock.lambdas.invoke.run_record import RunKind
from taskdock.store import sql
from taskdock.store.database import Store
from taskdock.store.tables import BacklogRow, InvocationRow
from taskdock.tasks.logs.invocation_record import InvocationRecord, write_invocations
from taskdock.tasks.work import delays
from taskdock.tasks.work.claims import Claim, ClaimTable, epochs

_INSERT = sql.insert(BacklogRow)
_WAITING = """SELECT request_id, function_name, invocation.timestamp, attempts, due_timestamp
    FROM backlog JOIN invocation ON invocation.id = invocation_id
    WHERE claimed_by IS NULL ORDER BY due_timestamp, invocation_id LIMIT ?"""


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """An event that is claimed; `attempts` are those that failed."""

    record: InvocationRecord
    event: bytes
    call: Call
    attempts: int
    claim: Claim


@dataclass(frozen=True, kw_only=True)
class WaitingEvent:
    """An event that nobody holds; `attempts` are those that failed."""

    request: str
    """AWS's request id."""
    function_name: str
    accepted: datetime
    attempts: int
    due: datetime


class EventQueue:
    """For any thread. Every ending names its claim; where that was lost, it returns False and
    changes nothing."""

    def __init__(self, *, store: Store, server: str) -> None:
        """`server`: the name that this server's claims carry."""
        self._store = store
        self.claims = ClaimTable(
            store, BacklogRow, key="invocation_id", due="due_timestamp", server=server
        )

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
                "claimed_by": None,
                "claim": 0,
            }
            self._store.change(_INSERT, sql.to_row(BacklogRow, row))

    def claim(self, now: datetime, limit: int) -> list[Accepted]:
        """Claims up to `limit` events that are due, those that have waited longest first."""
        with self.claims.claim(now, limit) as claims:
            if not claims:
                return []
            query = (
                BacklogRow.select(BacklogRow, InvocationRow)
                .join(
                    InvocationRow,
                    on=(InvocationRow.id == BacklogRow.invocation_id),
                    attr="invocation",
                )
                .where(BacklogRow.invocation_id.in_(list(claims)))
                .order_by(BacklogRow.due_timestamp, BacklogRow.invocation_id)
            )
            rows = query.execute(self._store.db)
            return [_from_row(row, claims[row.invocation_id]) for row in rows]

    def waiting(self, limit: int) -> list[WaitingEvent]:
        """The first events that nobody holds, by the time at which they are due."""
        return [
            WaitingEvent(
                request=request,
                function_name=function,
                accepted=from_epoch(accepted),
                attempts=attempts,
                due=from_epoch(due),
            )
            for request, function, accepted, attempts, due in self._store.rows(_WAITING, (limit,))
        ]

    def next_due(self) -> datetime | None:
        """The time at which the earliest event that nobody holds is or was due."""
        return self.claims.next_due()

    def bring_forward(self, clock: Clock) -> int:
        """Has those be due now that a clock which was set back since keeps waiting: accepted at a
        time that is still to come, or due later than any wait is long. How many."""
        if not BacklogRow.select().where(_ahead(clock.now())).exists(self._store.db):
            return 0
        with self._store.transaction():  # the clock is read when nobody can add one
            now = clock.now()
            update = BacklogRow.update(due_timestamp=now).where(_ahead(now))
            changed: int = update.execute(self._store.db)
        return changed

    def remove(self, accepted: Accepted) -> bool:
        """The event has ended."""
        return self.claims.remove(accepted.record.id, accepted.claim)

    def postpone(self, accepted: Accepted, due: datetime, *, attempts: int) -> bool:
        """The event waits for its next attempt until `due`; so many have failed."""
        values = {**epochs(due_timestamp=due), "attempts": attempts}
        return self.claims.give_back(accepted.record.id, accepted.claim, values)

    def release(self, accepted: Accepted) -> bool:
        """The event waits again, as if it had not been claimed."""
        return self.claims.give_back(accepted.record.id, accepted.claim)


def _ahead(now: datetime) -> Any:
    accepted_later = InvocationRow.select(InvocationRow.id).where(
        InvocationRow.id == BacklogRow.invocation_id, InvocationRow.timestamp > now
    )
    waits = (BacklogRow.due_timestamp > now) & fn.EXISTS(accepted_later)
    ahead = waits | (BacklogRow.due_timestamp > now + delays.LONGEST_REFUSED)
    return BacklogRow.claimed_by.is_null() & ahead


def _from_row(row: Any, claim: Claim) -> Accepted:
    record = InvocationRecord(**row.invocation.__data__)
    return Accepted(
        record=record,
        event=row.event.encode(),
        call=Call(
            kind=RunKind.EVENT,
            request_id=record.request_id,
            client_context=row.client_context,
            arn=row.arn,
        ),
        attempts=row.attempts,
        claim=claim,
    )
