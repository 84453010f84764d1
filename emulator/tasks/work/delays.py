"""Retry delays: how long after a failure work is tried again, and when it is given up. Pure.

| work | after a failure | given up |
| --- | --- | --- |
| task | 2, 5, 10 s, if its function's retry policy says so | after the fourth attempt |
| asynchronous event | 1, 2 min | after the third attempt, or 6 hours after it was accepted |
| event that could not be started | its age, from 1 s to 5 min | 6 hours after it was accepted |
| delivery to a webhook | 1, 5 s | after the third attempt |

A schedule has no retry: a run that was missed is made late, and of several the latest alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from taskdock.lambdas.functions.function import RetryPolicy


@dataclass(frozen=True)
class Delays:
    """One delay for each retry."""

    retries: tuple[timedelta, ...]

    @property
    def longest(self) -> timedelta:
        return max(self.retries)

    def after(self, failed: int) -> timedelta | None:
        """The delay between the failure of attempt number `failed` (from 1 on) and the next
        attempt; None: there is none."""
        return self.retries[failed - 1] if failed <= len(self.retries) else None


def _seconds(*seconds: float) -> Delays:
    return Delays(tuple(timedelta(seconds=each) for each in seconds))


TASKS = _seconds(2, 5, 10)  # docs/task-service.md, the row "retries"
EVENTS = _seconds(60, 120)
"""https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html, as are those
of refused events."""
DELIVERIES = _seconds(1, 5)

EVENT_AGE = timedelta(hours=6)
_SHORTEST_REFUSED, LONGEST_REFUSED = timedelta(seconds=1), timedelta(minutes=5)


def of_task(failed: int, error: str, policy: RetryPolicy) -> timedelta | None:
    """As `Delays.after`, for a task whose attempt number `failed` ended with the error `error`."""
    if not policy.enabled:
        return None
    if policy.errors_to_retry and error not in policy.errors_to_retry:
        return None
    return TASKS.after(failed)


def of_refused_event(age: timedelta) -> timedelta:
    """The delay until the next try of an event of this age that could not be started."""
    return min(max(age, _SHORTEST_REFUSED), LONGEST_REFUSED)


def is_expired(age: timedelta) -> bool:
    """Whether an event of this age is given up, however many attempts it has left."""
    return age > EVENT_AGE
