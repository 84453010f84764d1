"""Service events of one server: what it tells its subscribers, such as a task that failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from taskdock.client.api import equals
from taskdock.testing.client.access import HarnessAccess
from taskdock.testing.values.times import moment_of


@dataclass(frozen=True, kw_only=True)
class PublishedEvent:
    """An event that the service has published."""

    id: str
    type: str
    content: Any
    at: datetime


class EventControl:
    """The events of one server, and who gets them."""

    def __init__(self, access: HarnessAccess) -> None:
        self._service = access.service

    def all(self, type: str = "") -> list[PublishedEvent]:
        """The last 50 events, of one type if one is given, the oldest first."""
        of_type = f"{equals('type', type)}&" if type else ""
        latest = self._service.events(f"{of_type}sort(-creationTimestamp)&limit(50)")
        return [
            PublishedEvent(
                id=one["id"],
                type=one["type"],
                content=one["content"],
                at=moment_of(one["creationTimestamp"]),
            )
            for one in reversed(latest)
        ]

    def subscribe(self, function: str, type: str = "task_failed") -> None:
        """Each event of this type makes a task of the function."""
        self._service.subscribe(type, {"functionName": function})
