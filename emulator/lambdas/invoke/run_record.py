"""The record of one run of a function, filled while it runs, and who keeps it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import cached_property
from typing import Protocol

from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.invoke.fault_list import InjectedFault
from taskdock.lambdas.invoke.log_formats import Usage
from taskdock.lambdas.log_line import LogLine, Sink
from taskdock.lambdas.outcome import Outcome, broken

_OVERHEAD = 1000  # bytes that a run takes beside its event, its answer and its log, about
_PER_LINE = 8  # bytes


class RunKind(str, Enum):
    """The kinds of those who ask for a run."""

    TASK = "task"
    EXECUTION = "execution"
    """A direct execution, whose caller waits."""
    API = "api"
    INVOCATION = "invocation"
    """AWS's Invoke, whose caller waits, or a replay."""
    EVENT = "event"
    """AWS's Invoke of an asynchronous event, and each of its retries."""


@dataclass(kw_only=True, eq=False)
class RunRecord:
    """On the reactor's thread until it has ended; then nobody changes it."""

    id: str
    kind: RunKind
    request_id: str
    task_id: str | None
    function: Function
    event: bytes
    at: datetime
    resets: int
    """The number of resets that there had been when the run began."""
    lines: list[LogLine] = field(default_factory=list)
    cold: bool = False
    usage: Usage | None = None
    """None: no environment has had the event."""
    fault: InjectedFault | None = None
    """The fault that was injected, if any."""
    api_request_id: str | None = None
    environment_id: str | None = None
    waited: float | None = None
    """Milliseconds until it had its environment, with the init of a new one."""
    settled: float | None = None
    """Milliseconds from the end of the handler to that of the log."""
    outcome: Outcome | None = None
    number: int = 0
    """Grows with each run that ends; 0: it is not kept."""

    @cached_property
    def size(self) -> int:
        """Bytes that it takes, about; only once it has ended."""
        answer = 0 if self.outcome is None else len(self.outcome.body)
        lines = sum(len(line.message) + _PER_LINE for line in self.lines)
        return _OVERHEAD + len(self.event) + answer + lines

    @contextmanager
    def ending(self, recorder: RunRecorder) -> Iterator[None]:
        """A context at whose end the record is complete, and handed to `recorder`."""
        try:
            yield
        except Exception as error:
            self.outcome = broken(error)
            raise
        finally:
            if self.outcome is not None:  # else the server has cut it off
                recorder.end(self)

    def used(self, usage: Usage, *, cold: bool, environment_id: str, settled: float) -> None:
        self.usage, self.cold = usage, cold
        self.environment_id, self.settled = environment_id, settled

    def recording(self, sink: Sink) -> Sink:
        """A sink that keeps each line here, and hands it to `sink`."""
        keep = self.lines.append

        def write(line: LogLine) -> None:
            keep(line)
            sink(line)

        return write


class RunRecorder(Protocol):
    """Keeps runs. On the reactor's thread; no call may block."""

    def begin(
        self,
        function: Function,
        event: bytes,
        *,
        kind: RunKind,
        request_id: str,
        task_id: str | None,
    ) -> RunRecord | None:
        """A new record; None: it is not wanted."""

    def end(self, record: RunRecord) -> None:
        """Takes a record that is complete."""


class NoRunRecorder:
    """A recorder that wants none."""

    def begin(self, *_: object, **__: object) -> None:
        return None

    def end(self, record: RunRecord) -> None: ...
