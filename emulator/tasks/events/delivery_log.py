"""The attempts to bring service events to webhooks: the latest ones, kept in memory."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock
from taskdock.tasks.events.notices import (
    DeliveryFailed,
    DeliveryGivenUp,
    EventDelivered,
)
from taskdock.tasks.model.notices import (
    ServerReset,
)

MOST = 500
"""Attempts that are kept; the oldest go first."""


class AttemptResult(str, Enum):
    DELIVERED = "delivered"
    FAILED = "failed"
    """It is tried again."""
    GIVEN_UP = "givenUp"


@dataclass(frozen=True, kw_only=True)
class DeliveryAttempt:
    number: int
    """Grows with each attempt of any delivery."""
    at: datetime
    event: str
    """The service event's id."""
    url: str
    attempt: int
    """The number of this delivery's attempt, from 1 on."""
    result: AttemptResult
    status: int | None
    """The HTTP status of the webhook's answer; None: there was none."""
    error: str | None


_RESULTS: dict[type[EventDelivered | DeliveryFailed | DeliveryGivenUp], AttemptResult] = {
    EventDelivered: AttemptResult.DELIVERED,
    DeliveryFailed: AttemptResult.FAILED,
    DeliveryGivenUp: AttemptResult.GIVEN_UP,
}


class DeliveryLog:
    """For any thread. It hears of attempts by their notices, and of a reset, which empties it."""

    def __init__(self, *, notices: Notices, clock: Clock, most: int = MOST) -> None:
        self._clock = clock
        self._attempts: deque[DeliveryAttempt] = deque(maxlen=most)
        self._last = 0
        for kind in _RESULTS:
            notices.subscribe(kind, self._keep)
        notices.subscribe(ServerReset, lambda _: self._attempts.clear())

    def latest(self, limit: int = MOST) -> list[DeliveryAttempt]:
        """The newest first."""
        return list(self._attempts.copy())[::-1][:limit]

    def _keep(self, notice: EventDelivered | DeliveryFailed | DeliveryGivenUp) -> None:
        """On the webhook sender's thread alone."""
        self._last += 1
        self._attempts.append(
            DeliveryAttempt(
                number=self._last,
                at=self._clock.now(),
                event=notice.event,
                url=notice.url,
                attempt=notice.attempt,
                result=_RESULTS[type(notice)],
                status=notice.status,
                error=None if isinstance(notice, EventDelivered) else notice.error,
            )
        )
