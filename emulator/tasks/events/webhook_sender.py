"""Brings service events to webhooks, on a thread of its own: no task waits for one."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from functools import partial
from typing import Any

from taskdock.base.notices import Notice, Notices
from taskdock.base.timing.clock import Clock
from taskdock.tasks.events import webhook_client
from taskdock.tasks.events.notices import (
    DeliveryFailed,
    DeliveryGivenUp,
    EventDelivered,
)
from taskdock.tasks.events.outbox import Delivery, Outbox
from taskdock.tasks.events.reach import Reach
from taskdock.tasks.model import task_json
from taskdock.tasks.model.notices import (
    ClaimLost,
)
from taskdock.tasks.work.delays import DELIVERIES
from taskdock.tasks.work.poller import Poller
from taskdock.tasks.work.unwritten import Unwritten


class Reception(Enum):
    """The result of a call to a webhook."""

    ACCEPTED = auto()
    FAILED = auto()
    REFUSED = auto()
    """The call may not be made: trying again would not change that."""
    CUT_OFF = auto()
    """The server's stop has cut the call off: it is made again after the next start."""


@dataclass(frozen=True)
class CallMade:
    """A delivery whose call has ended; `problem`: why the webhook did not accept it."""

    delivery: Delivery
    reception: Reception
    problem: str = ""
    status: int | None = None
    """The HTTP status of the answer, if there was one."""


class WebhookSender(Poller[Delivery, CallMade]):
    """Makes one call at a time, on its own thread, so that a stop need not wait for all."""

    name = "webhook-sender"

    def __init__(
        self,
        *,
        outbox: Outbox,
        unwritten: Unwritten,
        own_ports: Collection[int],
        clock: Clock,
        notices: Notices,
    ) -> None:
        """`own_ports`: of this server's listeners, which it never calls."""
        super().__init__(places=1, clock=clock, notices=notices)
        self._outbox = outbox
        self._unwritten = unwritten
        self._own_ports = own_ports
        self._caller = webhook_client.WebhookClient()

    def stop(self) -> None:
        self._stopping.set()
        self._caller.hang_up()
        super().stop()

    def hang_up(self) -> None:
        """The call that is under way, if there is one, fails now."""
        self._caller.hang_up()

    def claim(self, now: datetime, limit: int) -> Sequence[Delivery]:
        return self._outbox.claim(now, limit)

    def begin(self, work: Delivery, ended: Callable[[CallMade], None]) -> None:
        """Makes the call; it has ended when this returns."""
        ended(self._call(work))

    @contextmanager
    def settling(self, results: Sequence[CallMade]) -> Iterator[None]:
        now = self._clock.now()
        with self._outbox.transaction():
            notices = [self._settle(call, now) for call in results]
            yield
        for notice in filter(None, notices):
            self._notices.publish(notice)

    def keep(self, result: CallMade, problem: Exception) -> None:
        write = partial(self.settle_all, [result])
        self._unwritten.keep(f"delivery-{result.delivery.id}", write, problem)

    def next_due(self) -> datetime | None:
        return self._outbox.next_due()

    def bring_forward(self) -> int:
        return self._outbox.bring_forward(self._clock)

    def idle(self) -> None:
        self._outbox.prune()

    def _call(self, delivery: Delivery) -> CallMade:
        reach = Reach(this_machine=delivery.from_loopback, own_ports=self._own_ports)
        try:
            body = json.dumps(task_json.event_to_json(delivery.event)).encode()
            problem = self._caller.post(delivery.url, body, reach)
        except webhook_client.Refused as refused:
            return CallMade(delivery, Reception.REFUSED, str(refused))
        except Exception as error:  # ours, which would come again without an end
            problem = repr(error)
        if problem is None:
            return CallMade(delivery, Reception.ACCEPTED, status=self._caller.status)
        if self._stopping.is_set():  # we may have hung up ourselves
            return CallMade(delivery, Reception.CUT_OFF)
        return CallMade(delivery, Reception.FAILED, problem, self._caller.status)

    def _settle(self, call: CallMade, now: datetime) -> Notice | None:
        """The notice that is true when this is committed, if there is one."""
        delivery = call.delivery
        about = {"event": delivery.event.id, "url": delivery.url}
        attempt = delivery.attempts + 1
        facts: dict[str, Any] = {**about, "attempt": attempt, "status": call.status}
        delay = DELIVERIES.after(attempt)
        notice: Notice | None
        if call.reception is Reception.ACCEPTED:
            written, notice = self._outbox.remove(delivery), EventDelivered(**facts)
        elif call.reception is Reception.CUT_OFF:
            written, notice = self._outbox.release(delivery), None
        elif call.reception is Reception.REFUSED or delay is None:
            given_up = DeliveryGivenUp(**facts, error=call.problem)
            written, notice = self._outbox.remove(delivery), given_up
        else:
            failed = DeliveryFailed(**facts, error=call.problem)
            written, notice = self._outbox.postpone(delivery, now + delay), failed
        if written or not self._outbox.is_there(delivery):  # it may have been unsubscribed
            return notice
        return ClaimLost(**about)
