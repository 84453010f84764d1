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

_WARNING = (
    "LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code."
    " However, in rare cases, a Lambda runtime update can cause unexpected function behavior. For"
    " functions using managed runtimes, runtime updates can be triggered by a function change, or"
    " can be applied automatically. To determine if the runtime has been updated, check the runtime"
    " version in the INIT_START log entry. If this error correlates with a change in the runtime"
    " version, you may be able to mitigate this error by temporarily rolling back to the previous"
    " runtime version. For more information, see"
    " https://docs.aws.amazon.com/lambda/latest/dg/runtimes-update.html\r"
)
"""Python's, before an error of the init: `lambda_literals.py` of its client."""


@dataclass(frozen=True)
class PostedError:
    """An error as a runtime tells it."""

    body: bytes
    """The body of its post to the Runtime API."""
    lines: tuple[str, ...] = ()
    """The lines that it prints."""


def runtime_error(
    function: Function, name: str, message: str, *, request_id: str | None, now: datetime
) -> PostedError:
    """`request_id`: None for an error of the runtime's init."""
    family = "" if function.runtime is None else runtimes.find(function.runtime).family
    as_json = function.environment.get(LOG_FORMAT) == "JSON"
    if family == "python":
        return _of_python(name, message, request_id, now, as_json=as_json)
    if family == "nodejs":
        return _of_node(name, message, request_id, now, as_json=as_json)
    return PostedError(_bytes(_compact({"errorType": name, "errorMessage": message})))


def _of_python(
    name: str, message: str, request_id: str | None, now: datetime, *, as_json: bool
) -> PostedError:
    error = {
        "errorMessage": message,
        "errorType": name,
        "requestId": request_id or "",
        "stackTrace": [],
    }
    warning, line = (_python_json if as_json else _python_text)(error, now)
    return PostedError(_bytes(_spaced(error)), (line,) if request_id else (warning, line))


def _of_node(
    name: str, message: str, request_id: str | None, now: datetime, *, as_json: bool
) -> PostedError:
    error = {"errorType": name, "errorMessage": message}
    trace = [f"{name}: {message}" if message else name]
    line = (_node_json if as_json else _node_text)(error, trace, request_id, now)
    return PostedError(_bytes(_compact({**error, "trace": trace})), (line,))


def _python_text(error: dict[str, Any], now: datetime) -> tuple[str, str]:
    title = f"[ERROR] {error['errorType']}"
    if error["errorMessage"]:
        title += f": {error['errorMessage']}"
    text = f"{title}\nTraceback (most recent call last):".replace("\n", "\r")
    return f"[WARNING]\t{to_iso(now)}\t\t{_WARNING}", text


def _python_json(error: dict[str, Any], now: datetime) -> tuple[str, str]:
    time = f"{now:%Y-%m-%dT%H:%M:%SZ}"
    of_log = {"message": _WARNING, "logger": "root", "requestId": error["requestId"]}
    warning = {"timestamp": time, "level": "WARNING", **of_log}
    return _spaced(warning), _spaced({"timestamp": time, "level": "ERROR", **error})


def _node_text(
    error: dict[str, str], trace: list[str], request_id: str | None, now: datetime
) -> str:
    what = "Invoke Error" if request_id else "Uncaught Exception"
    shown = _compact({**error, "name": error["errorType"], "stack": trace})
    return "\t".join([to_iso(now), request_id or "undefined", "ERROR", f"{what} ", shown])


def _node_json(
    error: dict[str, str], trace: list[str], request_id: str | None, now: datetime
) -> str:
    call = {"requestId": request_id} if request_id else {}
    shown = {**error, "stackTrace": trace, "name": error["errorType"]}
    return _compact({"timestamp": to_iso(now), "level": "ERROR", **call, "message": shown})


def _compact(value: dict[str, Any]) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _spaced(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False)


def _bytes(text: str) -> bytes:
    """JSON's escapes can hold half a character."""
    return text.encode(errors="replace")
