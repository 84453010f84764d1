"""Exit codes of the commands: one table.

0: there is a result; the command did what it was asked for. 1: the function failed with an error of
its own; of other commands: it was not done. 2: the call was wrong and nothing was done; so is a URL
at which no server is. 3: taskdock or the engine could not run it: there is no image or no room, too
much runs, the server or the container has gone, the task was canceled. 124: the function reached
its time limit, or the task was not done within `--timeout`. 137: the function ran out of memory.

`exec` has the exit code of its command, or 128 plus the number of the signal that ended that.
126: the command could not be run. 127: there is no such command. Where the server could not be
started or the functions not be deployed, the command was not run: 3.

`serve` has these: 0: the server stopped in order. 1: the server could not start or could not go
on. 128 plus the number of a signal: a second signal ended the server, or a signal that came before
the server had started.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from taskdock.base.errors import CallerError, TaskdockError
from taskdock.client.errors import NotDeployed, NotStarted, ServerLost, ServiceError, WrongCall

OK = 0
FAILED = 1
WRONG_CALL = 2
NOT_RUN = 3
TIMED_OUT = 124  # the code of timeout(1)
NOT_EXECUTABLE = 126  # the shell's code, as the next
NO_COMMAND = 127
OF_SIGNAL = 128  # plus the signal's number
OUT_OF_MEMORY = 137  # a shell's code for a process that SIGKILL ended

IN_SHORT = (
    "Exit code: 0 for a result, 1 for an error of the function, 2 when the call was wrong, 3 when"
    " taskdock or the engine could not run it, 124 for the time limit, 137 for the memory limit."
)

_BY_ERROR = {"Sandbox.Timedout": TIMED_OUT, "Runtime.OutOfMemory": OUT_OF_MEMORY}
_BY_CODE = {
    1: NOT_RUN,  # SERVER_EXCEPTION: a full disk, a database that is locked
    10: WRONG_CALL,  # NO_PERMISSION_EXCEPTION
    1403: NOT_RUN,  # CONCURRENT_EXECUTION_LIMIT_EXCEPTION
    1404: WRONG_CALL,  # TIME_LIMIT_EXCEEDS_DIRECT_EXECUTION_MAXIMUM_EXCEPTION
    1405: NOT_RUN,  # LAMBDA_INVOCATION_EXCEPTION
    1412: NOT_RUN,  # CONCURRENT_API_FUNCTION_LIMIT_EXCEPTION
    1902: NOT_RUN,  # CLOCK_STANDS_STILL_EXCEPTION: what is waited for cannot come
}
_SIGN_IN = range(101, 130)
"""Codes for credentials that are missing, wrong or too old."""


def of_error(error: Mapping[str, Any]) -> int:
    """The exit code for a function or task that failed with this error: its name and, of a task,
    its type."""
    if error.get("type") == "invocation":
        return NOT_RUN
    return _BY_ERROR.get(str(error.get("name")), FAILED)


def of_task(task: Mapping[str, Any]) -> int:
    """The exit code for a task that is waited for no more."""
    if task["status"] == "complete":
        return OK
    if task["status"] == "failed":
        return of_error(task.get("error") or {})
    return NOT_RUN if task["status"] == "canceled" else TIMED_OUT


def of_refusal(error: TaskdockError) -> int:
    """The exit code for a command that an error has ended."""
    if isinstance(error, ServerLost | NotStarted | NotDeployed):
        return NOT_RUN
    if isinstance(error, WrongCall | CallerError):
        return WRONG_CALL
    if isinstance(error, ServiceError):
        return WRONG_CALL if error.code in _SIGN_IN else _BY_CODE.get(error.code, FAILED)
    return FAILED
