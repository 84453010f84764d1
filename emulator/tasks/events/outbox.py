"""The outbox: what webhooks have still to be told, and how many service events are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from emulator.store.database import Store
from emulator.store.tables import DeliveryRow, EventRow, SubscriptionRow
from emulator.tasks.model.subscription import ServiceEvent, next_attempt

KEPT = 10_000  # service events; the oldest go first
_PIECE = 1000  # that go in one transaction


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One event for one webhook; `attempts` are those that failed."""

    id: int
    url: str
    from_loopback: bool
    """Whether its subscription was made on this machine."""
    attempts: int
    event: ServiceEvent


class Outbox:
    def __init__(self, *, store: Store) -> None:
        self._store = store

    def next_delivery(self, now: datetime) -> Delivery | None:
        """Of those that are due, the one that has waited longest."""
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
            .where(DeliveryRow.due_timestamp <= now)
            .order_by(DeliveryRow.due_timestamp, DeliveryRow.id)
        )
        row = query.limit(1).first(self._store.db)
        if row is None:
            return None
        event = ServiceEvent(**row.event.__data__)
        return Delivery(
            id=row.id,
            url=row.subscription.url,
            from_loopback=row.subscription.from_loopback,
            attempts=row.attempts,
            event=event,
        )

    def next_due(self) -> datetime | None:
        query = DeliveryRow.select(DeliveryRow.due_timestamp).order_by(DeliveryRow.due_timestamp)
        row = query.limit(1).first(self._store.db)
        return None if row is None else row.due_timestamp

    def delivered(self, delivery: Delivery) -> None:
        self.forget(delivery)

    def forget(self, delivery: Delivery) -> None:
        """It is not tried again."""
        DeliveryRow.delete().where(DeliveryRow.id == delivery.id).execute(self._store.db)

    def failed(self, delivery: Delivery, now: datetime) -> bool:
        """Notes a failed attempt; False: it was the last one, and the delivery is gone."""
        delay = next_attempt(delivery.attempts + 1)
        if delay is None:
            self.forget(delivery)
            return False
        DeliveryRow.update(attempts=delivery.attempts + 1, due_timestamp=now + delay).where(
            DeliveryRow.id == delivery.id
        ).execute(self._store.db)
        return True

    def prune(self, kept: int = KEPT) -> None:
        """Forgets some of all but the newest events; one that a webhook waits for stays."""
        newest_first = EventRow.creation_timestamp.desc(), EventRow.id.desc()
        old = EventRow.select(EventRow.id).order_by(*newest_first).limit(_PIECE).offset(kept)
        waiting = DeliveryRow.select(DeliveryRow.event_id)
        EventRow.delete().where(EventRow.id.in_(old), EventRow.id.not_in(waiting)).execute(
            self._store.db
        )
