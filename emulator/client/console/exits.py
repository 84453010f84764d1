"""Exit codes of the commands.

0: done. 1: the function, task, deployment or server failed. 2: the call was wrong and nothing was
done. 124: the function reached its time limit. 137: the function ran out of memory.

`exec` has the exit code of its command, or 128 plus the number of the signal that ended that.
126: the command could not be run. 127: there is no such command.

`serve` has these: 0: the server stopped in order. 1: the server could not start or could not go
on. 128 plus the number of a signal: a second signal ended the server, or a signal that came before
the server had started.
"""

from __future__ import annotations

OK = 0
FAILED = 1
WRONG_CALL = 2
TIMED_OUT = 124  # the code of timeout(1)
NOT_EXECUTABLE = 126  # the shell's code, as the next
NO_COMMAND = 127
OF_SIGNAL = 128  # plus the signal's number
OUT_OF_MEMORY = 137  # a shell's code for a process that SIGKILL ended

_BY_ERROR = {"Sandbox.Timedout": TIMED_OUT, "Runtime.OutOfMemory": OUT_OF_MEMORY}


def of_error(name: str) -> int:
    """The exit code for a function that failed with the error of this name."""
    return _BY_ERROR.get(name, FAILED)
