"""The errors of functions, as values, and the exceptions of the harness.

A failed expectation is an `AssertionError`, so that every test framework counts it as a
failed test.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class FunctionError:
    """The error of a task or a run that has failed: its name, such as `TypeError`, and message."""

    name: str
    message: str


class NotSupported(Exception):
    """The server cannot do this: its harness is off, its clock is real, or it is older.

    The message is the server's own sentence, and what to write in a test where that differs.
    """


class ExecutionFailed(AssertionError):
    """A function that was executed has failed, or could not be started."""

    def __init__(self, function: str, name: str, message: str, log: str) -> None:
        """`name`, `message`: of the function's error. `log`: its lines, joined."""
        self.function = function
        self.name = name
        self.message = message
        self.log = log
        shown = "\n".join(f"  {line}" for line in log.splitlines()) or "  (nothing)"
        super().__init__(f"{function} failed with {name}: {message}\nits log:\n{shown}")


class NotInTime(AssertionError):
    """A wait has come to its limit."""


class ClockStandsStill(AssertionError):
    """A wait that cannot end, because the clock is manual and nobody moves it.

    The message lists what is due when.
    """


class BadRecording(ValueError):
    """The file is no recording of a run."""


class BadData(ValueError):
    """The data that should be sent is no JSON. The message names the place: `data/items/0`."""
