"""Brings service events to webhooks, on a thread of its own: no task waits for one."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from functools import partial

from emulator.base.notices import Notices
from emulator.base.timing.clock import Clock
from emulator.base.timing.loop import Loop, until
from emulator.tasks.events import webhook_client
from emulator.tasks.events.outbox import Delivery, Outbox
from emulator.tasks.events.reach import Reach
from emulator.tasks.model import task_json
from emulator.tasks.model.notices import DeliveryFailed, DeliveryGivenUp, EventDelivered


class WebhookSender(Loop):
    name = "courier"

    def __init__(
        self, *, outbox: Outbox, own_ports: Collection[int], clock: Clock, notices: Notices
    ) -> None:
        """`own_ports`: of this server's listeners, which it never calls."""
        super().__init__(clock, notices)
        self._outbox = outbox
        self._own_ports = own_ports
        self._caller = webhook_client.WebhookClient()
        self._to_write: Callable[[], None] | None = None
        """What became of the latest delivery: nobody is told twice because a write has failed."""

    def stop(self) -> None:
        self._stopping.set()
        self._caller.hang_up()
        super().stop()

    def run_once(self) -> float:
        """One delivery at a time, so that a stop need not wait for all."""
        now = self._clock.now()
        self._write()
        if self._deliver_next():
            return 0.0
        self._outbox.prune()
        return until(self._outbox.next_due(), now)

    def _deliver_next(self) -> bool:
        delivery = self._outbox.next_delivery(self._clock.now())
        if delivery is None:
            return False
        body = json.dumps(task_json.event_to_json(delivery.event)).encode()
        reach = Reach(this_machine=delivery.from_loopback, own_ports=self._own_ports)
        try:
            problem = self._caller.post(delivery.url, body, reach)
        except webhook_client.Refused as error:  # by us: trying again would not change that
            self._to_write = partial(self._give_up, delivery, str(error))
        else:
            if problem is not None and self._stopping.is_set():
                return False  # we may have hung up ourselves: it is told again after the next start
            self._to_write = partial(self._settle, delivery, problem)
        self._write()
        return True

    def _write(self) -> None:
        if self._to_write is not None:
            self._to_write()
            self._to_write = None

    def _give_up(self, delivery: Delivery, problem: str) -> None:
        self._outbox.forget(delivery)
        self._notices.publish(DeliveryGivenUp(**_facts(delivery), error=problem))

    def _settle(self, delivery: Delivery, problem: str | None) -> None:
        facts = _facts(delivery)
        if problem is None:
            self._outbox.delivered(delivery)
            self._notices.publish(EventDelivered(**facts))
        elif self._outbox.failed(delivery, self._clock.now()):
            self._notices.publish(DeliveryFailed(**facts, error=problem))
        else:
            self._notices.publish(DeliveryGivenUp(**facts, error=problem))


def _facts(delivery: Delivery) -> dict[str, str]:
    return {"event": delivery.event.id, "url": delivery.url}
