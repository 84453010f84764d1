"""Samples of events: their options, and the values of one that is made."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from enum import Enum
from typing import Any

Json = dict[str, Any]

ACCOUNT = "123456789012"
"""The account number in AWS's own examples."""


class OptionType(Enum):
    """The types of values that options have."""

    TEXT = "text"
    TEXTS = "texts"
    """It may be repeated."""
    NUMBER = "number"
    JSON = "json"
    CHOICE = "choice"


@dataclass(frozen=True, kw_only=True)
class Option:
    """An option of a sample, such as `--bucket`."""

    name: str
    about: str
    default: Any = None
    type: OptionType = OptionType.TEXT
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Values:
    """The values of a sample's options, by their names with underscores, and what is common to all:
    the time of the event, and the region."""

    given: Mapping[str, Any]
    now: datetime
    region: str = "us-east-1"
    new_uuid: Callable[[], str] = field(default=lambda: str(uuid.uuid4()))

    def __getattr__(self, name: str) -> Any:
        try:
            return self.given[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def epoch(self) -> int:
        """Milliseconds since 1970."""
        return int(self.now.timestamp() * 1000)

    @property
    def iso(self) -> str:
        """With milliseconds and Z."""
        return self.now.astimezone(timezone.utc).isoformat(timespec="milliseconds")[:23] + "Z"

    @property
    def iso_seconds(self) -> str:
        return f"{self.iso[:19]}Z"

    def arn(self, service: str, resource: str) -> str:
        return f"arn:aws:{service}:{self.region}:{ACCOUNT}:{resource}"


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A kind of event that a sample can be made of."""

    about: str
    """One sentence: who sends such an event."""
    options: tuple[Option, ...]
    make: Callable[[Values], Json]

    def usual(self, now: datetime) -> Json:
        """A sample with all options as they are by default."""
        return self.make(
            Values({option.name.replace("-", "_"): option.default for option in self.options}, now)
        )
