"""The results of invocations, as values in AWS Lambda's words. Pure.

The bodies and texts are those that AWS's own runtimes and platform give; recorded examples:
https://docs.aws.amazon.com/lambda/latest/dg/troubleshooting-invocation.html
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import Enum

from taskdock.base.errors import EngineError, EngineUnreachable
from taskdock.engines.ending import ProgramExit, StartFault, Step
from taskdock.lambdas import go_messages

MAX_RESPONSE = 6 * 1024 * 1024 + 100  # bytes
MAX_STREAMED = 200 * 1024 * 1024  # bytes; of AWS's page of quotas, as is the other


class Cause(str, Enum):
    """The origin of a failure, which says what the caller can do about it."""

    FUNCTION = "function"
    """The function reported an error, during an invocation or its init."""
    TIMEOUT = "timeout"
    MEMORY = "memory"
    CRASH = "crash"
    """The runtime ended by itself, or its answer cannot be used."""
    START = "start"
    """The function could not be started: no image, no room."""
    THROTTLED = "throttled"
    """Nothing has begun, since too many invocations ran."""
    UNAVAILABLE = "unavailable"
    """Nothing has begun, for a fault of the engine or the machine."""
    LOST = "lost"
    """The container vanished while the function had the event: nobody knows what it did."""
    STOPPED = "stopped"
    """The server stopped before the end; nothing is known of what the function did."""

    @property
    def is_of_invocation(self) -> bool:
        """Whether the failure says nothing about the function's code."""
        return self not in (Cause.FUNCTION, Cause.TIMEOUT, Cause.MEMORY, Cause.CRASH)


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
    """The body that AWS's Invoke API answers with."""
    posted: bool = False
    """True for an error that the runtime itself reported during an invocation."""


Outcome = Answer | Failure


@dataclass(frozen=True)
class Streamed:
    """A function's result whose bytes are handed on while the function makes them.

    `body` is for one reader, on the reactor's thread; the function waits while the reader does. It
    raises `StreamBroken` where the result ends badly, and closing it (`aclose`) cuts that off.
    """

    body: AsyncIterator[bytes]
    content_type: str
    """The media type, as the runtime gave it."""


class StreamBroken(Exception):
    """A streamed result ended before it was complete."""

    def __init__(self, failure: Failure | None = None) -> None:
        """`failure`: why, where it is known; else the invocation's outcome will say it."""
        super().__init__("the answer broke off" if failure is None else failure.message)
        self.failure = failure


_ERROR_TYPE = re.compile(r"(Runtime|Function)\.[A-Z][a-zA-Z]+")


def function_error(body: bytes, error_type: str | None = None) -> Failure:
    """An error that the runtime posted; its body goes to the caller unchanged.

    `error_type`: the type in the runtime's headers, which counts where the body names none.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        fields = None
    fields = fields if isinstance(fields, dict) else {}
    name = _text(fields.get("errorType")) or known_error_type(error_type)
    return Failure(Cause.FUNCTION, name, _text(fields.get("errorMessage")), body, posted=True)


def _text(value: object) -> str:
    """`value` as text that can be stored: JSON's escapes can hold half a character."""
    try:
        text = str(value or "")
    except RecursionError:
        text = ""  # nested as deeply as can just be read
    return text.encode(errors="replace").decode()


def known_error_type(error_type: str | None) -> str:
    """The type that the header `Lambda-Runtime-Function-Error-Type` stands for: `fatalerror.go` of
    https://github.com/aws/aws-lambda-runtime-interface-emulator."""
    if error_type and _ERROR_TYPE.fullmatch(error_type):
        return error_type
    prefix = "Function" if (error_type or "").startswith("Function.") else "Runtime"
    return f"{prefix}.Unknown"


def timed_out(request_id: str, limit: float) -> Failure:
    """`limit` in seconds."""
    why = f"Task timed out after {limit:.2f} seconds"
    return _platform(Cause.TIMEOUT, "Sandbox.Timedout", request_id, why)


_KILLED = "Runtime exited with error: signal: killed"


def ended(request_id: str, end: ProgramExit) -> Failure:
    """The runtime ended without an answer, or could not be started."""
    if end.fault is not None:
        return _start_failed(request_id, end.fault)
    if end.out_of_memory:
        return _platform(Cause.MEMORY, "Runtime.OutOfMemory", request_id, _KILLED)
    if end.signal is not None:
        why = f"Runtime exited with error: {go_messages.signal(end.signal)}"
    elif end.code is None:
        why = _KILLED
    elif end.code == 0:
        why = "Runtime exited without providing a reason"
    else:
        why = f"Runtime exited with error: exit status {end.code}"
    return _platform(Cause.CRASH, "Runtime.ExitError", request_id, why)


def _start_failed(request_id: str, fault: StartFault) -> Failure:
    if fault.step is Step.WORKING_DIRECTORY:
        why = _why_no_folder(fault)
        return _platform(Cause.CRASH, "Runtime.InvalidWorkingDir", request_id, why)
    return _platform(Cause.CRASH, "Runtime.InvalidEntrypoint", request_id, _why_no_program(fault))


def _why_no_folder(fault: StartFault) -> str:
    """A message in the words of `simple_bootstrap.go` of AWS's emulator, or else in Go's."""
    if not fault.path.startswith("/"):
        return f"the working directory '{fault.path}' is invalid, it needs to be an absolute path"
    if fault.errno == go_messages.ENOENT:
        return f"the working directory doesn't exist: {fault.path}"
    return f"chdir {fault.path}: {go_messages.error(fault.errno)}"


def _why_no_program(fault: StartFault) -> str:
    if fault.step is Step.NO_CANDIDATE:
        looked_for = "/var/task/bootstrap /opt/bootstrap" if fault.path else ""
        return f"Couldn't find valid bootstrap(s): [{looked_for}]"
    if "/" in fault.path:
        return f"fork/exec {fault.path}: {go_messages.error(fault.errno)}"
    quoted = json.dumps(fault.path, ensure_ascii=False)
    return f"exec: {quoted}: executable file not found in $PATH"


_BAD_MODE = "Runtime.InvalidResponseModeHeader"
TOO_LARGE = "Function.ResponseSizeTooLarge"


def response_too_large(limit: int = MAX_RESPONSE) -> Failure:
    """`limit` in bytes. Here AWS gives the message first."""
    why = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
    return Failure(Cause.CRASH, TOO_LARGE, why, _compact(errorMessage=why, errorType=TOO_LARGE))


def bad_response_mode() -> Failure:
    """The name is AWS's. AWS's own server leaves the body empty, which says nothing to a reader."""
    return _failure(Cause.CRASH, _BAD_MODE, "Invalid function response mode")


def stopped(by_reset: bool = False) -> Failure:
    name, message = "ServerStopped", "the server was stopped"
    if by_reset:
        name, message = "ServerReset", "a reset of the server has ended it"
    return Failure(Cause.STOPPED, name, message, b"")


_CAUSES: dict[type[EngineError], Cause] = {
    EngineError: Cause.START,
    EngineUnreachable: Cause.UNAVAILABLE,
}
"""The cause of a failure by its class; one that is not listed counts as its nearest base."""


def could_not_start(error: EngineError) -> Failure:
    cause = next(_CAUSES[base] for base in type(error).__mro__ if base in _CAUSES)
    return _failure(cause, type(error).__name__, error.message)


def unavailable(name: str, message: str) -> Failure:
    return _failure(Cause.UNAVAILABLE, name, message)


def vanished(begun: bool) -> Failure:
    """The container has ended, and taskdock did not end it. `begun`: the function had got the
    event."""
    what = "the container was removed, or the engine stopped,"
    if begun:
        why = f"{what} while the function ran: nobody knows what it did"
        return _failure(Cause.LOST, "ContainerLost", why)
    return unavailable("ContainerLost", f"{what} before the function got its event")


def not_started(name: str, message: str) -> Failure:
    return _failure(Cause.START, name, message)


def throttled() -> Failure:
    return _failure(Cause.THROTTLED, "TooManyRequestsException", "Rate Exceeded.")


def _failure(cause: Cause, name: str, message: str) -> Failure:
    return Failure(cause, name, message, _compact(errorType=name, errorMessage=message))


def broken(error: Exception) -> Failure:
    """The fault is taskdock's own."""
    return not_started("InvocationFailed", f"taskdock could not run it: {error!r}")


def _platform(cause: Cause, name: str, request_id: str, why: str) -> Failure:
    return _failure(cause, name, f"RequestId: {request_id} Error: {why}")


def _compact(**value: str) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
