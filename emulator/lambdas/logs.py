"""The log of one invocation: the function's lines between START, END and REPORT.

The lines' wording is AWS's, tabs and trailing tab included:
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from emulator.clock import Clock, to_iso
from emulator.lambdas.outcome import Cause, Failure, Outcome


@dataclass(frozen=True)
class LogLine:
    timestamp: datetime
    message: str


Sink = Callable[[LogLine], None]


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What an invocation took. `init` only where this invocation made the environment start."""

    duration: float  # milliseconds
    memory_limit: int  # MB
    max_memory: int  # MB
    init: float | None = None  # milliseconds

    def report(self, request_id: str, failure: Failure | None) -> str:
        parts = [
            f"REPORT RequestId: {request_id}",
            f"Duration: {self.duration:.2f} ms",
            f"Billed Duration: {math.ceil(self.duration + (self.init or 0))} ms",
            f"Memory Size: {self.memory_limit} MB",
            f"Max Memory Used: {self.max_memory} MB",
        ]
        if self.init is not None:
            parts.append(f"Init Duration: {self.init:.2f} ms")
        return "\t".join([*parts, *_status(failure)]) + "\t"


class InvocationLog:
    """Writes one invocation's lines to a sink, in order."""

    def __init__(self, request_id: str, sink: Sink, clock: Clock) -> None:
        self._request_id = request_id
        self._sink = sink
        self._clock = clock

    def line(self, message: str) -> None:
        self._sink(LogLine(self._clock.now(), message))

    def lines(self, lines: Iterable[LogLine]) -> None:
        """Lines from before, with their own time."""
        for line in lines:
            self._sink(line)

    def explain(self, outcome: Outcome) -> None:
        """What the platform itself says of a failure; the function's own were told by it."""
        if not isinstance(outcome, Failure):
            return
        if outcome.cause is Cause.TIMEOUT:
            said = outcome.message.rpartition("Error: ")[2]
            self.line(f"{to_iso(self._clock.now())} {self._request_id} {said}")
        elif outcome.cause in (Cause.CRASH, Cause.MEMORY):
            self.line(outcome.message)
            self.line(outcome.name)

    def init_failed(self, milliseconds: float, failure: Failure) -> None:
        status = "\t".join(_status(failure) or ["Status: error", f"Error Type: {failure.name}"])
        self.line(f"INIT_REPORT Init Duration: {milliseconds:.2f} ms\tPhase: init\t{status}")

    def start(self) -> None:
        self.line(f"START RequestId: {self._request_id} Version: $LATEST")

    def end(self, outcome: Outcome, usage: Usage) -> None:
        failure = outcome if isinstance(outcome, Failure) else None
        self.line(f"END RequestId: {self._request_id}")
        self.line(usage.report(self._request_id, failure))


def _status(failure: Failure | None) -> list[str]:
    """AWS names a status for what the platform saw; an error that the handler raised has none."""
    if failure is None or failure.posted:
        return []
    if failure.cause is Cause.TIMEOUT:
        return ["Status: timeout"]
    return ["Status: error", f"Error Type: {failure.name}"]
