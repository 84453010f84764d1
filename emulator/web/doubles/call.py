"""One call of a service that is not here, as it was sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from taskdock.base import strict_json


class Absent:
    """The value of what is not there, where null is a value."""


ABSENT = Absent()


@dataclass(frozen=True)
class CallSender:
    """The function and the task that have made a call, where a container did."""

    function_name: str | None = None
    task_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class ServiceCall:
    method: str
    path: str
    """Decoded, without the query."""
    query: str = ""
    """As it was sent."""
    target: str = ""
    """Path and query as they were sent."""
    headers: tuple[tuple[str, str], ...] = ()
    """Names in lower case, in the order and as often as sent."""
    body: bytes = b""
    body_to_come: bool = False
    """Whether the call is refused before its body is read."""
    sender: CallSender = field(default_factory=CallSender)
    at: datetime

    @cached_property
    def json(self) -> Any:
        """The body's value; `NOTHING` where the body is no JSON."""
        try:
            return strict_json.loads(self.body) if self.body.strip() else ABSENT
        except ValueError:
            return ABSENT

    def header(self, name: str) -> str | None:
        """The values of that name, which is in lower case, joined as by RFC 9110, 5.3."""
        found = [value for known, value in self.headers if known == name]
        return ", ".join(found) if found else None
