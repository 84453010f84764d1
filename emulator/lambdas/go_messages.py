"""Go's messages for the signals and errors of Linux. Pure.

AWS Lambda is written in Go, whose messages show in its own.

By Linux's numbers, whatever this machine is: the tables of Go's syscall/zerrors_linux_amd64.go,
which for these are arm64's too.
"""

from __future__ import annotations

ENOENT = 2

_SIGNALS = {
    1: "hangup",
    2: "interrupt",
    3: "quit",
    4: "illegal instruction",
    5: "trace/breakpoint trap",
    6: "aborted",
    7: "bus error",
    8: "floating point exception",
    9: "killed",
    10: "user defined signal 1",
    11: "segmentation fault",
    12: "user defined signal 2",
    13: "broken pipe",
    14: "alarm clock",
    15: "terminated",
    16: "stack fault",
    17: "child exited",
    18: "continued",
    19: "stopped (signal)",
    20: "stopped",
    21: "stopped (tty input)",
    22: "stopped (tty output)",
    23: "urgent I/O condition",
    24: "CPU time limit exceeded",
    25: "file size limit exceeded",
    26: "virtual timer expired",
    27: "profiling timer expired",
    28: "window changed",
    29: "I/O possible",
    30: "power failure",
    31: "bad system call",
}
_ERRORS = {
    1: "operation not permitted",
    ENOENT: "no such file or directory",
    5: "input/output error",
    7: "argument list too long",
    8: "exec format error",
    11: "resource temporarily unavailable",
    12: "cannot allocate memory",
    13: "permission denied",
    14: "bad address",
    20: "not a directory",
    21: "is a directory",
    22: "invalid argument",
    23: "too many open files in system",
    24: "too many open files",
    26: "text file busy",
    36: "file name too long",
    40: "too many levels of symbolic links",
    80: "accessing a corrupted shared library",
    116: "stale NFS file handle",
}
"""The errors that fork(2), chdir(2) and execve(2) fail with."""


def signal(number: int) -> str:
    """Without Go's "(core dumped)": what AWS passes on by now is the signal alone
    (`ProcessTermination.String` in its emulator), and so it is recorded from 2023 on.
    https://github.com/aws/aws-lambda-runtime-interface-emulator
    """
    return f"signal: {_SIGNALS.get(number, f'signal {number}')}"


def error(number: int) -> str:
    return _ERRORS.get(number, f"errno {number}")
