"""The calls that were made: the latest of them, with how each was answered."""

from __future__ import annotations

import base64
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypedDict

from taskdock.base.strict_json import IsoTime, Json, present
from taskdock.base.timing.clock import to_iso
from taskdock.web.doubles.call import Absent, ServiceCall

MOST_CALLS = 1000
MOST_BYTES = 64 * 1024 * 1024  # of all bodies
MOST_OF_A_BODY = 8 * 1024 * 1024  # a mail with attachments fits
HIDDEN = "***"
"""In place of credentials."""
SECRET = frozenset({"authorization", "proxy-authorization"})


class CallJson(TypedDict):
    number: int
    """Grows with each call."""
    method: str
    path: str
    query: str
    headers: Json
    json: Any
    text: str | None
    base64: str | None
    truncated: bool | None
    status: int | None
    failure: str | None
    double: str | None
    nearest: str | None
    rule: str | None
    functionName: str | None
    taskId: str | None
    at: IsoTime


@dataclass(frozen=True, kw_only=True)
class AnsweredCall:
    call: ServiceCall
    double: str | None
    """The id of what has answered; None: nothing matched."""
    status: int | None = None
    failure: str | None = None
    nearest: str | None = None
    """Why the double that nearly matched does not, as part of a sentence; None: there is none."""
    rule: str | None = None
    """The rule to write for a call that was refused, as YAML."""
    number: int = 0


class CallLog:
    """For any thread."""

    def __init__(self) -> None:
        self._calls: deque[AnsweredCall] = deque()
        self._bytes = 0
        self._last = 0  # number of the newest
        self._lock = threading.Lock()

    def add(self, answered: AnsweredCall) -> None:
        """The oldest calls are forgotten once there are many."""
        body = answered.call.body
        if len(body) > MOST_OF_A_BODY:
            call = replace(answered.call, body=body[:MOST_OF_A_BODY], body_to_come=True)
            answered = replace(answered, call=call)
        with self._lock:
            self._last += 1
            self._calls.append(replace(answered, number=self._last))
            self._bytes += len(answered.call.body)
            while len(self._calls) > MOST_CALLS or self._bytes > MOST_BYTES:
                self._bytes -= len(self._calls.popleft().call.body)

    def find(self, wanted: Callable[[AnsweredCall], bool]) -> list[AnsweredCall]:
        """The oldest first."""
        with self._lock:
            return [each for each in self._calls if wanted(each)]

    def clear(self) -> int:
        """Forgets all; returns how many there were."""
        with self._lock:
            count = len(self._calls)
            self._calls.clear()
            self._bytes = 0
            return count


def to_json(answered: AnsweredCall) -> CallJson:
    call = answered.call
    shown: CallJson = {
        "number": answered.number,
        "method": call.method,
        "path": call.path,
        "query": call.query,
        "headers": _headers(call),
        "json": None,
        "text": None,
        "base64": None,
        "truncated": call.body_to_come or None,
        "status": answered.status,
        "failure": answered.failure,
        "double": answered.double,
        "nearest": answered.nearest,
        "rule": answered.rule,
        "functionName": call.sender.function_name,
        "taskId": call.sender.task_id,
        "at": to_iso(call.at),
    }
    kept = present(shown)
    # Which of these there are says something: nothing matched; no container called.
    kept |= {
        "status": answered.status,
        "double": answered.double,
        "functionName": call.sender.function_name,
        "taskId": call.sender.task_id,
    }
    return kept | _body(call)  # type: ignore[return-value]


def _headers(call: ServiceCall) -> Json:
    shown: dict[str, str] = {}
    for name, value in call.headers:
        kept = HIDDEN if name in SECRET else value
        shown[name] = f"{shown[name]}, {kept}" if name in shown else kept
    return shown


def _body(call: ServiceCall) -> Json:
    if not call.body:
        return {}
    if not isinstance(call.json, Absent):
        return {"json": call.json}
    try:
        return {"text": call.body.decode()}
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(call.body).decode()}
