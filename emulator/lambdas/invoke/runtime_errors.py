"""An error in the words of a runtime: the body that it posts, and the line that it logs. Pure.

They are those of AWS's clients, but for the frames of a trace: no code has run. `bootstrap.py` of
https://github.com/aws/aws-lambda-python-runtime-interface-client, and `Errors.js` of
https://github.com/aws/aws-lambda-nodejs-runtime-interface-client. Other runtimes post the two
fields that all have, and log nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from taskdock.base.timing.clock import to_iso
from taskdock.lambdas.functions import runtimes
from taskdock.lambdas.functions.function import LOG_FORMAT, Function


@dataclass(frozen=True)
class PostedError:
    """An error as a runtime tells it."""

    body: bytes
    """The body of its post to the Runtime API."""
    line: bytes | None
    """The line that it prints; None: it prints nothing."""


def runtime_error(
    function: Function, name: str, message: str, *, request_id: str | None, now: datetime
) -> PostedError:
    """`request_id`: None for an error of the runtime's init."""
    family = "" if function.runtime is None else runtimes.find(function.runtime).family
    as_json = function.environment.get(LOG_FORMAT) == "JSON"
    if family == "python":
        return _of_python(name, message, request_id or "", now, as_json)
    if family == "nodejs":
        return _of_node(name, message, request_id, now, as_json)
    return PostedError(_compact({"errorType": name, "errorMessage": message}), None)


def _of_python(
    name: str, message: str, request_id: str, now: datetime, as_json: bool
) -> PostedError:
    error = {
        "errorMessage": message,
        "errorType": name,
        "requestId": request_id,
        "stackTrace": [],
    }
    if as_json:
        line = json.dumps(
            {"timestamp": f"{now:%Y-%m-%dT%H:%M:%SZ}", "level": "ERROR", **error},
            ensure_ascii=False,
        )
    else:
        title = f"[ERROR] {name}: {message}" if message else f"[ERROR] {name}"
        line = f"{title}\nTraceback (most recent call last):".replace("\n", "\r")
    return PostedError(json.dumps(error, ensure_ascii=False).encode(), line.encode())


def _of_node(
    name: str, message: str, request_id: str | None, now: datetime, as_json: bool
) -> PostedError:
    error = {"errorType": name, "errorMessage": message}
    trace = [f"{name}: {message}" if message else name]
    if as_json:
        message_of_log = {**error, "stackTrace": trace, "name": name}
        line = _compact(
            {
                "timestamp": to_iso(now),
                "level": "ERROR",
                "requestId": request_id or "undefined",
                "message": message_of_log,
            }
        )
    else:
        what = "Invoke Error" if request_id else "Uncaught Exception"
        words = [to_iso(now), request_id or "undefined", "ERROR", f"{what} "]
        shown = _compact({**error, "name": name, "stack": trace})
        line = "\t".join([*words, shown.decode()]).encode()
    return PostedError(_compact({**error, "trace": trace}), line)


def _compact(value: dict[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
