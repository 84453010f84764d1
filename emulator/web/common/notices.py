"""The notices that the web publishes."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from taskdock.base.notices import Notice


@dataclass(frozen=True, kw_only=True)
class DoubleMissing(Notice):
    """A call of a service that is not here was refused: no double is for it."""

    call: str
    function: str | None
    task: str | None


@dataclass(frozen=True, kw_only=True)
class RequestBroke(Notice):
    """taskdock itself has failed at a request; its caller got a 5xx."""

    level = logging.WARNING
    path: str
    error: str
