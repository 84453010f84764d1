"""Runs as JSON: how the database keeps one, and how callers see it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from taskdock.base import strict_json
from taskdock.base.strict_json import IsoTime, ObjectId, present
from taskdock.base.timing.clock import to_iso
from taskdock.lambdas.invoke.fault_list import InjectedFaultJson
from taskdock.lambdas.invoke.run_record import RunRecord
from taskdock.lambdas.outcome import Answer, Failure


class RunErrorJson(TypedDict):
    name: str
    message: str
    stackTrace: list[str] | None
    """As the function's runtime gave it."""


class RunJson(TypedDict):
    """One run of a function. Events and answers are kept as they are, with what is secret in
    them."""

    id: ObjectId
    sequence: int
    """Grows with each run that ends."""
    at: IsoTime
    kind: str
    """`task`, `execution`, `api`, `invocation` or `event`: who asked for it."""
    taskId: ObjectId | None
    requestId: str
    functionName: str
    runtime: str | None
    version: str | None
    """The digest of the function's code, or its image."""
    event: Any
    answer: Any | None
    """There is either an answer or an error."""
    error: RunErrorJson | None
    log: list[str]
    cold: bool
    duration: float | None
    """Milliseconds, as in the line REPORT; absent where nothing has begun."""
    memoryUsed: int | None
    """MB."""
    fault: InjectedFaultJson | None
    """The fault that was injected."""
    apiRequestId: ObjectId | None
    environmentId: str | None
    waited: float | None
    """Milliseconds until it had its environment, with the init of a new one."""
    init: float | None
    """Milliseconds that its environment's init took, where this run made that start."""
    settled: float | None
    """Milliseconds from the end of the handler to the end of the log."""
    timeLimit: int | None
    """Seconds, as the function had it then; and so is `memoryLimit`, in MB."""
    memoryLimit: int | None


def to_row(record: RunRecord) -> dict[str, Any]:
    """The values of the table's columns. Events and answers are text that is JSON already."""
    outcome, usage, function = record.outcome, record.usage, record.function
    answer = outcome.body.decode(errors="replace") if isinstance(outcome, Answer) else None
    return {
        "sequence": record.number,
        "id": record.id,
        "at": record.at,
        "kind": record.kind.value,
        "task_id": record.task_id,
        "request_id": record.request_id,
        "function_name": function.name,
        "runtime": function.runtime,
        "version": function.code or function.image,
        "event": record.event.decode(errors="replace"),
        "answer": answer,
        "error": _error(outcome) if isinstance(outcome, Failure) else None,
        "log": [line.message for line in record.lines],
        "cold": record.cold,
        "duration": None if usage is None else round(usage.duration, 2),
        "memory_used": None if usage is None else usage.max_memory,
        "fault": None if record.fault is None else record.fault.to_json(),
        "size": record.size,
        "api_request_id": record.api_request_id,
        "environment_id": record.environment_id,
        "waited": _rounded(record.waited),
        "init": _rounded(None if usage is None else usage.init),
        "settled": _rounded(record.settled),
        "time_limit": function.time_limit,
        "memory_limit": function.memory_limit,
    }


def to_json(row: Mapping[str, Any]) -> RunJson:
    """A run of a row, whose values are as Python has them."""
    # They may be null, which is not the same as none.
    own: Any = {"event": _value(row["event"])}
    if row["answer"] is not None:
        own["answer"] = _value(row["answer"])
    shown: RunJson = {
        "id": row["id"],
        "sequence": row["sequence"],
        "at": to_iso(row["at"]),
        "kind": row["kind"],
        "taskId": row["task_id"],
        "requestId": row["request_id"],
        "functionName": row["function_name"],
        "runtime": row["runtime"],
        "version": row["version"],
        "event": None,
        "answer": None,
        "error": row["error"],
        "log": row["log"],
        "cold": bool(row["cold"]),
        "duration": row["duration"],
        "memoryUsed": row["memory_used"],
        "fault": row["fault"],
        "apiRequestId": row["api_request_id"],
        "environmentId": row["environment_id"],
        "waited": row["waited"],
        "init": row["init"],
        "settled": row["settled"],
        "timeLimit": row["time_limit"],
        "memoryLimit": row["memory_limit"],
    }
    return {**present(shown), **own}


def _rounded(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else round(milliseconds, 2)


def _error(failure: Failure) -> dict[str, Any]:
    error: dict[str, Any] = {"name": failure.name, "message": failure.message}
    trace = _trace(failure.body)
    return error if trace is None else {**error, "stackTrace": trace}


def _trace(body: bytes) -> list[str] | None:
    """The stack trace in an error's body: `stackTrace` of Python's client, `trace` of Node's."""
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return None
    found = fields.get("stackTrace") or fields.get("trace") if isinstance(fields, dict) else None
    if not isinstance(found, Sequence) or isinstance(found, str) or not found:
        return None
    return [str(line) for line in found]


def _value(text: str) -> Any:
    """JSON, or the text itself, since a custom runtime may answer anything."""
    try:
        return strict_json.loads(text)
    except ValueError:
        return text
