"""The outbox: deliveries to webhooks that are still to be made, and how many events are kept."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from taskdock.base.timing.clock import Clock, from_epoch
from taskdock.store.database import Store
from taskdock.store.tables import DeliveryRow, EventRow, SubscriptionRow
from taskdock.tasks.model.subscription import ServiceEvent
from taskdock.tasks.work.claims import Claim, ClaimTable, epochs
from taskdock.tasks.work.delays import DELIVERIES

KEPT = 10_000  # service events; the oldest go first
_PIECE = 1000  # events that go in one transaction
_PENDING = """SELECT delivery.id, event_id, subscription_id, url, attempts, due_timestamp,
    claimed_by FROM delivery JOIN subscription ON subscription.id = subscription_id
    ORDER BY due_timestamp, delivery.id LIMIT ?"""


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One event for one webhook, claimed; `attempts` are those that failed."""

    id: int
    url: str
    from_loopback: bool
    """Whether the webhook's subscription was made on this machine."""
    attempts: int
    event: ServiceEvent
    claim: Claim


@dataclass(frozen=True, kw_only=True)
class PendingDelivery:
    """A delivery that has not ended, as its row is; `attempts` are those that failed."""

    id: int
    event: str
    subscription: str
    url: str
    attempts: int
    due: datetime
    is_made: bool
    """Whether a call is under way."""


class Outbox:
    """For any thread. Every ending names its claim; where that was lost, it returns False and
    changes nothing."""

    def __init__(self, *, store: Store, server: str) -> None:
        """`server`: the name that this server's claims carry."""
        self._store = store
        self.claims = ClaimTable(store, DeliveryRow, key="id", due="due_timestamp", server=server)

    def claim(self, now: datetime, limit: int) -> list[Delivery]:
        """Claims up to `limit` deliveries that are due, those that have waited longest first."""
        with self.claims.claim(now, limit) as claims:
            if not claims:
                return []
            query = (
                DeliveryRow.select(
                    DeliveryRow, EventRow, SubscriptionRow.url, SubscriptionRow.from_loopback
                )
                .join(EventRow, on=(EventRow.id == DeliveryRow.event_id), attr="event")
                .switch(DeliveryRow)
                .join(
                    SubscriptionRow,
                    on=(SubscriptionRow.id == DeliveryRow.subscription_id),
                    attr="subscription",
                )
                .where(DeliveryRow.id.in_(list(claims)))
                .order_by(DeliveryRow.due_timestamp, DeliveryRow.id)
            )
            return [
                Delivery(
                    id=row.id,
                    url=row.subscription.url,
                    from_loopback=row.subscription.from_loopback,
                    attempts=row.attempts,
                    event=ServiceEvent(**row.event.__data__),
                    claim=claims[row.id],
                )
                for row in query.execute(self._store.db)
            ]

    def pending(self, limit: int) -> list[PendingDelivery]:
        """The deliveries that have not ended, those that are due first in front."""
        rows = self._store.rows(_PENDING, (limit,))
        return [
            PendingDelivery(
                id=id,
                event=event,
                subscription=subscription,
                url=url,
                attempts=attempts,
                due=from_epoch(due),
                is_made=holder is not None,
            )
            for id, event, subscription, url, attempts, due, holder in rows
        ]

    def transaction(self) -> AbstractContextManager[None]:
        """A transaction for several endings."""
        return self._store.transaction()

    def next_due(self) -> datetime | None:
        """The time at which the earliest delivery that nobody holds is or was due."""
        return self.claims.next_due()

    def bring_forward(self, clock: Clock) -> int:
        """Has those be due now that a clock which was set back since keeps waiting; how many."""
        return self.claims.bring_forward(clock, DELIVERIES.longest)

    def is_there(self, delivery: Delivery) -> bool:
        """Whether the delivery was not removed with its subscription."""
        return self.claims.is_there(delivery.id)

    def remove(self, delivery: Delivery) -> bool:
        """The delivery was accepted, or is not tried again."""
        return self.claims.remove(delivery.id, delivery.claim)

    def postpone(self, delivery: Delivery, due: datetime) -> bool:
        """One more attempt has failed; the next one is made when it is `due`."""
        values = {**epochs(due_timestamp=due), "attempts": delivery.attempts + 1}
        return self.claims.give_back(delivery.id, delivery.claim, values)

    def release(self, delivery: Delivery) -> bool:
        """The delivery waits again, as if it had not been claimed."""
        return self.claims.give_back(delivery.id, delivery.claim)

    def prune(self, kept: int = KEPT) -> None:
        """Forgets some of all but the newest events; one that a webhook waits for stays."""
        newest_first = EventRow.creation_timestamp.desc(), EventRow.id.desc()
        old = EventRow.select(EventRow.id).order_by(*newest_first).limit(_PIECE).offset(kept)
        waiting = DeliveryRow.select(DeliveryRow.event_id)
        EventRow.delete().where(EventRow.id.in_(old), EventRow.id.not_in(waiting)).execute(
            self._store.db
        )
