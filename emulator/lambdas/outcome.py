"""What became of an invocation, as values in AWS Lambda's words. Pure.

The bodies and texts are those that AWS's own runtimes and platform give; recorded examples:
https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum

MAX_RESPONSE = 6 * 1024 * 1024 + 100  # bytes


class Cause(str, Enum):
    """Whose fault a failure is, and what the caller can do about it."""

    FUNCTION = "function"
    """The function reported an error, during an invocation or its init."""
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASH = "crash"
    """The runtime ended by itself, or its answer cannot be used."""
    START = "start"
    """The function could not be started: no image, no room."""
    STOPPED = "stopped"
    """The server stopped before the end; nothing is known of what the function did."""


@dataclass(frozen=True)
class Answer:
    """The function's result: bytes, JSON nearly always."""

    body: bytes


@dataclass(frozen=True)
class Failure:
    cause: Cause
    name: str
    """The error's type: `TypeError`, `Sandbox.Timedout`, ..."""
    message: str
    body: bytes
    """What AWS's Invoke API answers in this case."""
    posted: bool = False
    """True for an error that the runtime itself reported during an invocation."""


Outcome = Answer | Failure


@dataclass(frozen=True)
class ContainerEnd:
    """How a runtime ended: exit code (None: not known) and whether memory ran out."""

    code: int | None
    out_of_memory: bool = False


_ERROR_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")
_SIGNALS = {
    134: "signal: aborted (core dumped)",
    137: "signal: killed",
    139: "signal: segmentation fault (core dumped)",
    143: "signal: terminated",
}


def function_error(body: bytes, error_type: str | None = None) -> Failure:
    """An error that the runtime posted; its body goes to the caller unchanged.

    `error_type` is what the runtime said beside it, which counts where the body names no type.
    """
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    said = said if isinstance(said, dict) else {}
    name = _text(said.get("errorType")) or known_error_type(error_type)
    return Failure(Cause.FUNCTION, name, _text(said.get("errorMessage")), body, posted=True)


def _text(value: object) -> str:
    """`value` as text that can be stored: JSON's escapes can hold half a character."""
    return str(value or "").encode(errors="replace").decode()


def known_error_type(error_type: str | None) -> str:
    """What the header `Lambda-Runtime-Function-Error-Type` counts as: `fatalerror.go` of
    https://github.com/aws/aws-lambda-runtime-interface-emulator."""
    if error_type and _ERROR_TYPE.fullmatch(error_type):
        return error_type
    prefix = "Function" if (error_type or "").startswith("Function.") else "Runtime"
    return f"{prefix}.Unknown"


def timed_out(request_id: str, limit: float) -> Failure:
    """`limit` in seconds."""
    return _platform(
        Cause.TIMEOUT, "Sandbox.Timedout", request_id, f"Task timed out after {limit:.2f} seconds"
    )


def ended(request_id: str, end: ContainerEnd) -> Failure:
    """The runtime ended without an answer."""
    if end.out_of_memory:
        return _platform(
            Cause.MEMORY,
            "Runtime.OutOfMemory",
            request_id,
            "Runtime exited with error: signal: killed",
        )
    if end.code == 0:
        why = "Runtime exited without providing a reason"
    elif end.code is None:
        why = "Runtime exited with error: signal: killed"
    else:
        why = f"Runtime exited with error: {_SIGNALS.get(end.code, f'exit status {end.code}')}"
    return _platform(Cause.CRASH, "Runtime.ExitError", request_id, why)


def no_bootstrap(request_id: str) -> Failure:
    return _platform(
        Cause.CRASH,
        "Runtime.InvalidEntrypoint",
        request_id,
        "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]",
    )


def response_too_large() -> Failure:
    """Here AWS gives the message first."""
    name = "Function.ResponseSizeTooLarge"
    message = f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE} bytes)."
    return Failure(
        Cause.CRASH, name, message, _compact({"errorMessage": message, "errorType": name})
    )


def bad_response_mode() -> Failure:
    """The name is AWS's. AWS's own server leaves the body empty, which says nothing to a reader."""
    name, message = "Runtime.InvalidResponseModeHeader", "Invalid function response mode"
    return Failure(
        Cause.CRASH, name, message, _compact({"errorType": name, "errorMessage": message})
    )


def stopped() -> Failure:
    return Failure(Cause.STOPPED, "ServerStopped", "the server was stopped", b"")


def not_started(name: str, message: str) -> Failure:
    return Failure(
        Cause.START, name, message, _compact({"errorType": name, "errorMessage": message})
    )


def broken(error: Exception) -> Failure:
    """The fault is taskdock's own."""
    return not_started("InvocationFailed", f"taskdock could not run it: {error!r}")


def _platform(cause: Cause, name: str, request_id: str, why: str) -> Failure:
    message = f"RequestId: {request_id} Error: {why}"
    return Failure(cause, name, message, _compact({"errorType": name, "errorMessage": message}))


def _compact(value: dict[str, str]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
