"""The notices that subscriptions to service events and their webhooks publish."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from taskdock.base.notices import Notice

# Subscriptions


@dataclass(frozen=True, kw_only=True)
class SubscriptionCreated(Notice):
    """A function or a webhook is told of service events from now on."""

    subscription: str


@dataclass(frozen=True, kw_only=True)
class SubscriptionDeleted(Notice):
    subscription: str


# Webhooks. `attempt` counts from 1 on; `status` is that of the webhook's answer, if there was one.


@dataclass(frozen=True, kw_only=True)
class EventDelivered(Notice):
    """A webhook has accepted a service event."""

    event: str
    url: str
    attempt: int
    status: int | None = None


@dataclass(frozen=True, kw_only=True)
class DeliveryFailed(Notice):
    """A webhook has not accepted a service event; it is told again."""

    level = logging.WARNING
    event: str
    url: str
    attempt: int
    status: int | None = None
    error: str


@dataclass(frozen=True, kw_only=True)
class DeliveryGivenUp(Notice):
    """A webhook has not accepted a service event, and is not told again."""

    level = logging.WARNING
    event: str
    url: str
    attempt: int
    status: int | None = None
    error: str
