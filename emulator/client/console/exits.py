"""Exit codes: what a shell script learns from a command.

0 done; 1 the function, task, deployment or server failed; 2 the call was wrong and nothing was
done; 124 the function ran into its time limit; 137 it ran out of memory. Of `serve`: 0 it stopped
in order; 1 it could not start or go on; 128 and a signal's number: it was ended by a second
signal, or before it had started.
"""

from __future__ import annotations

OK = 0
FAILED = 1
WRONG_CALL = 2
TIMED_OUT = 124  # as timeout(1) has it
OUT_OF_MEMORY = 137  # as a shell reports a killed process

_BY_ERROR = {"Sandbox.Timedout": TIMED_OUT, "Runtime.OutOfMemory": OUT_OF_MEMORY}


def of_error(name: str) -> int:
    """The exit code for a function that failed with the error of this name."""
    return _BY_ERROR.get(name, FAILED)
