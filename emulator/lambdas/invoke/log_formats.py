"""The platform's lines in a function's log, in AWS's two formats: text and JSON. Pure.

https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from taskdock.base.timing.clock import Clock, to_iso
from taskdock.engines.images import is_standin
from taskdock.lambdas import arns
from taskdock.lambdas.functions.function import Function
from taskdock.lambdas.functions.reference import LATEST
from taskdock.lambdas.invoke.fault_list import InjectedFault
from taskdock.lambdas.outcome import Cause, Failure, known_error_type


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Time and memory of an invocation. `init` only where this invocation made the environment
    start."""

    duration: float  # milliseconds
    memory_limit: int  # MB
    max_memory: int  # MB
    init: float | None = None  # milliseconds

    @property
    def billed(self) -> int:
        """Milliseconds. Init is paid for since August 2025."""
        return math.ceil(self.duration + (self.init or 0))


@dataclass(frozen=True, kw_only=True)
class Start:
    """An environment that starts: of which runtime, from which image."""

    runtime: str  # as in python:3.11
    image: str
    environment_id: str

    @property
    def standin(self) -> str | None:
        """The image, if it is not AWS's. AWS has no word for it, so it comes behind all others."""
        return self.image if is_standin(self.image) else None


class LogFormat(Protocol):
    """The text of each line; None, or no line, where the format has none for it."""

    def init_start(self, start: Start, time: datetime) -> str: ...
    def init_report(self, milliseconds: float, failure: Failure, phase: str) -> str: ...
    def start(self) -> str: ...
    def injected(self, fault: InjectedFault) -> str: ...
    def debugged(self, time_limit: int) -> str: ...
    def fault(self, failure: Failure) -> list[str]: ...
    def end(self) -> str | None: ...
    def report(self, usage: Usage, failure: Failure | None) -> str: ...


class TextFormat:
    def __init__(self, request_id: str, function: Function, clock: Clock, region: str) -> None:
        self._request_id = request_id
        self._region = region
        self._clock = clock

    def init_start(self, start: Start, time: datetime) -> str:
        parts = [
            f"INIT_START Runtime Version: {start.runtime}",
            f"Runtime Version ARN: {_version_arn(start, self._region)}",
        ]
        if start.standin is not None:
            parts.append(f"Stand-in: {start.standin}")
        return "\t".join(parts)

    def init_report(self, milliseconds: float, failure: Failure, phase: str) -> str:
        status, error = _status(failure)
        parts = [f"INIT_REPORT Init Duration: {milliseconds:.2f} ms", f"Phase: {phase}"]
        return "\t".join([*parts, *_suffix(status, error)])

    def start(self) -> str:
        return f"START RequestId: {self._request_id} Version: {LATEST}"

    def injected(self, fault: InjectedFault) -> str:
        return f"taskdock: injected fault {fault}"

    def debugged(self, time_limit: int) -> str:
        return f"taskdock: debug session: the time limit ({time_limit} s) is off"

    def fault(self, failure: Failure) -> list[str]:
        if failure.cause is Cause.TIMEOUT:
            what = failure.message.rpartition("Error: ")[2]
            return [f"{to_iso(self._clock.now())} {self._request_id} {what}"]
        return [failure.message, failure.name]

    def end(self) -> str:
        return f"END RequestId: {self._request_id}"

    def report(self, usage: Usage, failure: Failure | None) -> str:
        parts = [
            f"REPORT RequestId: {self._request_id}",
            f"Duration: {usage.duration:.2f} ms",
            f"Billed Duration: {usage.billed} ms",
            f"Memory Size: {usage.memory_limit} MB",
            f"Max Memory Used: {usage.max_memory} MB",
        ]
        if usage.init is not None:
            parts.append(f"Init Duration: {usage.init:.2f} ms")
        if failure is not None and not failure.posted:
            parts += _suffix(*_status(failure))
        return "\t".join(parts) + "\t"


class JsonFormat:
    def __init__(self, request_id: str, function: Function, clock: Clock, region: str) -> None:
        self._request_id = request_id
        self._region = region
        self._function = function
        self._clock = clock

    def init_start(self, start: Start, time: datetime) -> str:
        record = {
            "initializationType": "on-demand",
            "phase": "init",
            "runtimeVersion": start.runtime,
            "runtimeVersionArn": _version_arn(start, self._region),
            "functionName": self._function.name,
            "functionVersion": LATEST,
            "instanceId": arns.log_stream(start.environment_id, time),
            "instanceMaxMemory": self._function.memory_limit * 1024 * 1024,
            "standIn": start.standin,
        }
        return self._event("platform.initStart", record, time)

    def init_report(self, milliseconds: float, failure: Failure, phase: str) -> str:
        status, error = _status(failure)
        record = {
            "initializationType": "on-demand",
            "phase": phase,
            "status": status,
            "errorType": error,
            "metrics": {"durationMs": round(milliseconds, 3)},
        }
        return self._event("platform.initReport", record)

    def start(self) -> str:
        arn = arns.function_arn(self._function.name, self._region)
        record = {"requestId": self._request_id, "functionArn": arn, "version": LATEST}
        return self._event("platform.start", record)

    def injected(self, fault: InjectedFault) -> str:
        record = {"requestId": self._request_id, "fault": str(fault)}
        return self._event("taskdock.injectedFault", record)

    def debugged(self, time_limit: int) -> str:
        record = {"requestId": self._request_id, "timeLimit": time_limit, "limited": False}
        return self._event("taskdock.debugSession", record)

    def fault(self, failure: Failure) -> list[str]:
        return []  # the report names it

    def end(self) -> None:
        return None

    def report(self, usage: Usage, failure: Failure | None) -> str:
        metrics = {
            "durationMs": round(usage.duration, 3),
            "billedDurationMs": usage.billed,
            "memorySizeMB": usage.memory_limit,
            "maxMemoryUsedMB": usage.max_memory,
            "initDurationMs": None if usage.init is None else round(usage.init, 3),
        }
        status, error = ("success", None) if failure is None else _status(failure)
        record = {
            "requestId": self._request_id,
            "metrics": _present(metrics),
            "status": status,
            "errorType": error,
        }
        return self._event("platform.report", record)

    def _event(self, name: str, record: dict[str, Any], time: datetime | None = None) -> str:
        line = {"time": to_iso(time or self._clock.now()), "type": name, "record": _present(record)}
        return json.dumps(line, separators=(",", ":"))


def _status(failure: Failure) -> tuple[str, str | None]:
    """AWS's status, and the error type beside it where there is one: never a type of the
    function's own, which is `Runtime.Unknown` to the platform."""
    if failure.cause is Cause.TIMEOUT:
        return "timeout", None
    return "error", known_error_type(failure.name)


def _suffix(status: str, error: str | None) -> list[str]:
    return [f"Status: {status}", *([f"Error Type: {error}"] if error else [])]


def _version_arn(start: Start, region: str) -> str:
    """AWS has a number for each build of a runtime; here the image's name stands for it."""
    digest = hashlib.sha256(start.image.encode()).hexdigest()
    return f"arn:aws:lambda:{region}::runtime:{digest}"


def _present(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if value is not None}
