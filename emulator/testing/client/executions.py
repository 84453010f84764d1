"""Executions: a function called at once, and the figures in its log."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from taskdock.client.errors import ServiceError
from taskdock.testing.client.access import HarnessAccess
from taskdock.testing.client.tasks import TaskControl
from taskdock.testing.values.errors import ExecutionFailed, FunctionError

_NOT_STARTED = (1403, 1405)  # too many at once; no environment for it
_FIELD = re.compile(r"(?:^|\t)(Duration|Max Memory Used|Init Duration): ([0-9.]+)")


@dataclass(frozen=True, kw_only=True)
class ExecutionResult:
    """A run of a function that has ended."""

    result: Any
    """The value that the function has returned; None where it failed."""
    log: str
    """The lines of its log, joined."""
    memory_used: int
    """MB, as its REPORT says; 0 where there is no report."""
    duration: float
    """Milliseconds, as its REPORT says; 0 where there is no report."""
    cold: bool
    """True: an environment had to start for it."""
    error: FunctionError | None
    task_id: str
    """Of the task that the service has made for it; empty where it has made none."""


@dataclass(frozen=True)
class RunReport:
    """The figures in the log of a run."""

    duration: float = 0.0
    memory_used: int = 0
    cold: bool = False


def execute(
    access: HarnessAccess, tasks: TaskControl, function: str, data: Any, check: bool
) -> ExecutionResult:
    """See `Taskdock.execute`."""
    error = None
    try:
        answer = access.service.execute(function, data)
    except ServiceError as refusal:
        answer = refusal.answer
        if "taskId" not in answer and refusal.code not in _NOT_STARTED:
            raise
        told = answer.get("runtimeError") or answer
        error = FunctionError(told["name"], told["message"])
    task_id = str(answer.get("taskId") or answer.get("id", ""))
    log = tasks.log(task_id) if task_id else ""
    if error is not None and check:
        raise ExecutionFailed(function, error.name, error.message, log)
    report = report_of(log)
    return ExecutionResult(
        result=None if error else answer.get("result"),
        log=log,
        memory_used=report.memory_used,
        duration=report.duration,
        cold=report.cold,
        error=error,
        task_id=task_id,
    )


def report_of(log: str) -> RunReport:
    """Reads the last REPORT of a log, in either format of AWS:
    https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html"""
    lines = log.splitlines()
    cold = any(line.startswith("INIT_START ") for line in lines)
    for line in reversed(lines):
        if line.startswith("REPORT "):
            found = dict(_FIELD.findall(line.partition(" RequestId: ")[2]))
            return RunReport(
                duration=float(found.get("Duration", 0)),
                memory_used=int(found.get("Max Memory Used", 0)),
                cold=cold or "Init Duration" in found,
            )
        if line.startswith("{") and '"platform.report"' in line:
            metrics = json.loads(line)["record"]["metrics"]
            return RunReport(
                duration=float(metrics.get("durationMs", 0)),
                memory_used=int(metrics.get("maxMemoryUsedMB", 0)),
                cold=cold or "initDurationMs" in metrics,
            )
    return RunReport(cold=cold)
