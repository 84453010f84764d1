"""Facts about what happened, published once: a log line each, and whoever subscribes.

A notice is a name in the past tense and plain facts: `publish("task_failed", task=..., error=...)`.
It is not an event: that word is for the JSON that a function receives.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

Subscriber = Callable[[str, dict[str, Any]], None]

_log = logging.getLogger("taskdock")
_WARNINGS = frozenset(
    {
        "claim_lost",
        "delivery_failed",
        "delivery_given_up",
        "environment_failed",
        "environment_silent",
        "image_missing",
        "invocation_broke",
        "invocation_given_up",
        "invocation_postponed",
        "log_lines_dropped",
        "loop_failed",
        "part_hangs",
        "part_not_ended",
        "request_broke",
        "stock_failed",
        "task_not_marked",
        "trouble_began",
        "write_postponed",
    }
)
_QUIET = frozenset({"task_claimed"})
_LINE_ENDS = frozenset("\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029")  # as `str.splitlines` has them


class Notices:
    def __init__(self) -> None:
        self._subscribers: list[Subscriber] = []

    def subscribe(self, subscriber: Subscriber) -> None:
        """From now on `subscriber(name, facts)` is called, on the publisher's thread."""
        self._subscribers.append(subscriber)

    def publish(self, name: str, **facts: Any) -> None:
        level = (
            logging.WARNING
            if name in _WARNINGS
            else logging.DEBUG
            if name in _QUIET
            else logging.INFO
        )
        if _log.isEnabledFor(level):
            _log.log(level, "%s %s", name, " ".join(f"{k}={_in_line(v)}" for k, v in facts.items()))
        for subscriber in self._subscribers:
            subscriber(name, facts)


def _in_line(fact: Any) -> str:
    """Some facts are in others' words, such as a function's error: none may begin a line, which
    would look as if this server had said it."""
    return "".join(
        each.encode("unicode_escape").decode() if each in _LINE_ENDS else each for each in str(fact)
    )
