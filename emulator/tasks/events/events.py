"""Keeps and finds service events and subscriptions, and tells subscribers in one transaction.

A function is told by a task, a webhook by a delivery (`outbox.py`). Both are written with the event
and with the failure that it is about, so a crash loses none of them and makes none up.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict
from typing import Any

from taskdock.base import ids
from taskdock.base.errors import AlreadyExists, BadField, NotFound
from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock
from taskdock.lambdas.functions.catalog import Catalog
from taskdock.store.database import Store
from taskdock.store.query.fields import EVENT_FIELDS, SUBSCRIPTION_FIELDS
from taskdock.store.query.model import Query
from taskdock.store.query.sqlite import find
from taskdock.store.tables import DeliveryRow, EventRow, SubscriptionRow
from taskdock.tasks.events import webhook_client
from taskdock.tasks.events.notices import SubscriptionCreated, SubscriptionDeleted
from taskdock.tasks.events.reach import Reach
from taskdock.tasks.model import checks, task_json
from taskdock.tasks.model.subscription import ServiceEvent, Subscription, is_notified, of_failure
from taskdock.tasks.model.task import Task, new_task


class Events:
    def __init__(
        self,
        *,
        store: Store,
        catalog: Catalog,
        own_ports: Collection[int],
        clock: Clock,
        notices: Notices,
        functions_have_a_network: bool = True,
    ) -> None:
        """`own_ports`: of this server's listeners, which no webhook may be."""
        self._functions_have_a_network = functions_have_a_network
        self._store = store
        self._own_ports = own_ports
        self._catalog = catalog
        self._clock = clock
        self._notices = notices

    def record_failure(self, task: Task) -> list[Task]:
        """Keeps the event of a task that became `failed`; the tasks to queue for subscribers.

        Only inside the transaction that fails the task and queues those.
        """
        event = of_failure(ids.object_id(self._clock.now()), task)
        EventRow.insert(**asdict(event)).execute(self._store.db)
        subscribers = [known for known in self._all() if is_notified(known, event, task)]
        for subscription in subscribers:
            if subscription.url is not None:
                DeliveryRow.insert(
                    event_id=event.id,
                    subscription_id=subscription.id,
                    due_timestamp=event.creation_timestamp,
                ).execute(self._store.db)
        names = [subscription.function_name for subscription in subscribers]
        return [self._task(name, event) for name in names if name]

    def find(self, query: Query) -> tuple[list[ServiceEvent], int | None]:
        """One page of events, and how many there are in all. Raises `BadQuery`."""
        rows, total = find(self._store.db, EventRow, EVENT_FIELDS, query)
        return [ServiceEvent(**row.__data__) for row in rows], total

    def subscribe(
        self,
        event_types: Sequence[str],
        *,
        function_name: str | None,
        url: str | None,
        from_loopback: bool,
        from_function: bool = False,
    ) -> Subscription:
        """Either a function, whose name is checked already, or a URL.

        `from_loopback`: whoever asks is on this machine. `from_function`: a function asks, by its
        container's door. Raises `AlreadyExists`, and `BadField` for
        a URL that may not be called for them.
        """
        if url is not None:
            if from_function and not self._functions_have_a_network:
                raise BadField(
                    "url: functions have no network (--network none), so that no webhook is called"
                    " for them; subscribe it from this machine, with: taskdock events subscribe"
                )
            webhook_client.check(url, Reach(this_machine=from_loopback, own_ports=self._own_ports))
        now = self._clock.now()
        subscription = Subscription(
            id=ids.object_id(now),
            event_types=tuple(event_types),
            function_name=function_name,
            url=url,
            from_loopback=from_loopback,
            creation_timestamp=now,
            update_timestamp=now,
        )
        with self._store.transaction():
            for known in self._all():
                same = (known.function_name, known.url) == (function_name, url)
                if same and set(known.event_types) & set(event_types):
                    raise AlreadyExists(f"{function_name or url} is subscribed already: {known.id}")
            SubscriptionRow.insert(
                **{**asdict(subscription), "event_types": list(event_types)}
            ).execute(self._store.db)
        self._notices.publish(SubscriptionCreated(subscription=subscription.id))
        return subscription

    def unsubscribe(self, subscription_id: str) -> None:
        """Also ends its deliveries that wait. Raises `BadId` or `NotFound`."""
        checks.object_id(subscription_id)
        mine = SubscriptionRow.id == subscription_id
        with self._store.transaction():
            if not SubscriptionRow.delete().where(mine).execute(self._store.db):
                raise NotFound(f"there is no subscription {subscription_id}")
            waiting = DeliveryRow.subscription_id == subscription_id
            DeliveryRow.delete().where(waiting).execute(self._store.db)
        self._notices.publish(SubscriptionDeleted(subscription=subscription_id))

    def subscriptions(self, query: Query) -> tuple[list[Subscription], int | None]:
        """One page of subscriptions, and how many there are in all. Raises `BadQuery`."""
        rows, total = find(self._store.db, SubscriptionRow, SUBSCRIPTION_FIELDS, query)
        return [_subscription(row) for row in rows], total

    def _all(self) -> list[Subscription]:
        query = SubscriptionRow.select().order_by(SubscriptionRow.id)
        return [_subscription(row) for row in query.execute(self._store.db)]

    def _task(self, function_name: str, event: ServiceEvent) -> Task:
        return new_task(
            id=ids.object_id(event.creation_timestamp),
            function_name=function_name,
            data=dict(task_json.event_to_json(event)),
            priority=self._catalog.default_priority(function_name),
            start=event.creation_timestamp,
            now=event.creation_timestamp,
            event_id=event.id,
        )


def _subscription(row: SubscriptionRow) -> Subscription:
    values: dict[str, Any] = dict(row.__data__)
    return Subscription(**{**values, "event_types": tuple(values["event_types"])})
