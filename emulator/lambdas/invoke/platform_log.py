"""The log of one invocation: the function's lines between START, END and REPORT.

The platform's lines are AWS's, tabs and trailing tab included, as text or as JSON:
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from taskdock.base.timing.clock import Clock
from taskdock.lambdas.environment.provision.debugger import DebuggedFunction
from taskdock.lambdas.functions import runtimes
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.invoke.fault_list import InjectedFault
from taskdock.lambdas.invoke.log_formats import JsonFormat, LogFormat, Start, TextFormat, Usage
from taskdock.lambdas.log_line import LogLine, Sink
from taskdock.lambdas.outcome import Cause, Failure, Outcome


class InvocationLog:
    """Writes one invocation's lines to a sink, in order."""

    def __init__(
        self,
        request_id: str,
        function: Function,
        sink: Sink,
        clock: Clock,
        region: str,
        *,
        fault: InjectedFault | None = None,
    ) -> None:
        """`fault`: one that is injected, which a line behind START marks."""
        as_json = function.environment.get("AWS_LAMBDA_LOG_FORMAT") == "JSON"
        chosen = JsonFormat if as_json else TextFormat
        self._format: LogFormat = chosen(request_id, function, clock, region)
        self._function = function
        self._sink = sink
        self._clock = clock
        self._fault = fault

    def line(self, message: str) -> None:
        self._sink(LogLine(self._clock.now(), message))

    def lines(self, lines: Iterable[LogLine]) -> None:
        """Writes lines that were printed earlier, with their own times."""
        for line in lines:
            self._sink(line)

    def init_start(self, time: datetime, image: str, environment_id: str) -> None:
        """Writes nothing for a function that is an image: AWS has no such line for them."""
        if self._function.runtime is None:
            return
        runtime = runtimes.find(self._function.runtime)
        start = Start(runtime=runtime.version, image=image, environment_id=environment_id)
        self._sink(LogLine(time, self._format.init_start(start, time)))

    def init_report(self, milliseconds: float, failure: Failure, phase: str) -> None:
        """`phase`: `init`, or `invoke` for the second attempt."""
        self.line(self._format.init_report(milliseconds, failure, phase))

    def start(self) -> None:
        self.line(self._format.start())
        self.mark()

    def mark(self) -> None:
        """Says which fault is injected, if any, and that a debug session lifts the time limit."""
        if self._fault is not None:
            self.line(self._format.injected(self._fault))
        if isinstance(self._function, DebuggedFunction):
            self.line(self._format.debugged(self._function.original.time_limit))

    def explain(self, outcome: Outcome) -> None:
        """Writes the platform's lines for a failure: a time-out, a crash, too little memory. Errors
        that the function reported are in the log already."""
        if isinstance(outcome, Failure) and outcome.cause in _FAULTS:
            for message in self._format.fault(outcome):
                self.line(message)

    def end(self, outcome: Outcome, usage: Usage) -> None:
        end = self._format.end()
        if end is not None:
            self.line(end)
        self.line(self._format.report(usage, outcome if isinstance(outcome, Failure) else None))


_FAULTS = (Cause.TIMEOUT, Cause.CRASH, Cause.MEMORY)
