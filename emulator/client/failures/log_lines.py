"""A function's log for people who look for what the function printed. Pure.

Lines of the platform and of AWS's clients are those of `lambdas/invoke/log_formats.py` and of
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-view.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from taskdock.client.failures.frames import reported

_ID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z"
_PLATFORM = re.compile(
    rf"(?:START|END|REPORT) RequestId: {_ID}|INIT_START Runtime |INIT_REPORT Init |"
    r'\{"time":"[^"]*","type":"platform\.|LOGS\tName|EXTENSION\tName'
)
_FAULT = re.compile(
    rf"RequestId: {_ID} Error: |{_TIME} {_ID} Task timed out after |"
    r"Response payload size exceeded maximum allowed payload size "
)
_NAME_OF_FAULT = re.compile(r"(?:Runtime|Function|Sandbox|Extension)\.[A-Z]\w+$")
"""The line behind a fault of the platform."""
_STAMP = re.compile(rf"{_TIME}\t(?:{_ID}|undefined|-)\t(\w+)\t")
"""Of Node.js's client: time, request, level."""
_PYTHON_STAMP = re.compile(rf"\[(\w+)\]\t{_TIME}\t(?:{_ID})?\t")
_PYTHON_ERROR = re.compile(r"\[ERROR\] ([A-Za-z_][\w.]*)(?:: (.*))?(?:[\n\r]|$)")
_POST = re.compile(r"\[ERROR\] \[\d+\] LAMBDA_RUNTIME Failed to post ")
_END_OF_POST = "RuntimeError: Failed to post invocation response"
_TRACEBACK = "Traceback (most recent call last):"
_OF_ERROR = re.compile(r"LAMBDA_WARNING: Unhandled exception\. ")
"""Python's client says that before the report of an error at import."""
_WARNING = re.compile(r"LAMBDA_WARNING: |\(node:\d+\) ")
_TOO_LARGE = "Function.ResponseSizeTooLarge"
_LONGEST_STAMP = 200  # letters before a line's own words, and those words' beginning
_MOST_MESSAGE = 100  # lines of an error's message


class ShortLog:
    """The function's own lines: without the platform's, without what stamps each line, and each
    long warning of the runtime once.

    A runtime's report of an error is held back, since a block shows the error behind the log.
    """

    def __init__(self) -> None:
        self._warned: set[str] = set()
        self._held: list[tuple[str, str, str]] = []  # the error's name and message, the report
        self._in_message = 0  # lines that may still come until the trace of a report begins
        self._in_post = False
        self._in_fault = False

    def take(self, line: str) -> str | None:
        """The line as it is shown; None: it is not shown now."""
        was_fault, self._in_fault = self._in_fault, bool(_FAULT.match(line))
        is_fault = self._in_fault or (was_fault and _NAME_OF_FAULT.match(line))
        if self._is_rest(line) or _PLATFORM.match(line) or is_fault:
            return None
        if _OF_ERROR.search(line[:_LONGEST_STAMP]):
            return None
        error = self._error_of(line)
        if error is not None:
            self._held.append((*error, line))
            return None
        return None if self._is_repeated(line) else unstamped(line)

    def _error_of(self, line: str) -> tuple[str, str] | None:
        """Name and message of the error that this line reports, or begins to; None for any other
        line."""
        error = reported(line)
        if error is not None:
            return str(error.get("errorType")), str(error.get("errorMessage"))
        if match := _PYTHON_ERROR.match(line):
            self._in_message = 0 if _TRACEBACK in line else _MOST_MESSAGE
            return match[1], match[2] or ""
        self._in_post = bool(_POST.match(line))
        return (_TOO_LARGE, "") if self._in_post else None

    def rest(self, error: Mapping[str, Any] | None) -> list[str]:
        """The reports that were held back, but those of this error, by its name or its message;
        None: the function has not failed."""
        shown = None if error is None else (error["name"], error["message"])
        return [
            unstamped(line)
            for name, message, line in self._held
            if shown is None or (name != shown[0] and message != shown[1])
        ]

    def _is_rest(self, line: str) -> bool:
        """Whether it belongs to a report whose first line was held back: an error's message may
        have several lines, and the log has an entry for each."""
        if self._in_post:
            self._in_post = line.startswith((_TRACEBACK, " ", "\xa0"))
            if self._in_post or line == _END_OF_POST:
                return True
        if not self._in_message:
            return False
        self._in_message -= 1
        if _PLATFORM.match(line) or _PYTHON_ERROR.match(line):
            self._in_message = 0
            return False
        name, message, before = self._held[-1]
        self._held[-1] = name, message, f"{before}\n{line}"
        if _TRACEBACK in line:
            self._in_message = 0
        return True

    def _is_repeated(self, line: str) -> bool:
        match = _WARNING.search(line[:_LONGEST_STAMP])
        if match is None:
            return False
        warning = line[match.end() :]
        repeated = warning in self._warned
        self._warned.add(warning)
        return repeated


def short(lines: Iterable[str], *, error: Mapping[str, Any] | None = None) -> list[str]:
    """The function's own lines of a log that is complete. `error`: name and message of the one that
    is shown apart; None: there is none, and reports of errors stay."""
    log = ShortLog()
    shown = [taken for line in lines if (taken := log.take(line)) is not None]
    return shown + log.rest(error)


def unstamped(line: str) -> str:
    """The line without its time and request; its level stays where it is no INFO."""
    for stamp in (_STAMP, _PYTHON_STAMP):
        if match := stamp.match(line):
            rest = line[match.end() :]
            return rest if match[1] == "INFO" else f"{match[1]}  {rest}"
    return line
