"""Hints for the limits of time and memory."""

from __future__ import annotations

import re

from taskdock.client.failures.failed_run import FailedRun
from taskdock.client.failures.log_lines import short

_LONGEST_DIRECT = 30  # seconds
_LONGEST = 300  # seconds
_MOST_MEMORY = 10240  # MB
_USED = re.compile(r"Max Memory Used: (\d+) MB|\"maxMemoryUsedMB\":(\d+)")
_SIZE = re.compile(r"Memory Size: (\d+) MB|\"memorySizeMB\":(\d+)")
_NEARLY = 0.9
_LINE = 120  # letters
_OUT_OF_HEAP = "JavaScript heap out of memory"


def time(failed: FailedRun) -> str | None:
    if failed.name != "Sandbox.Timedout":
        return None
    limit = failed.time_limit
    took = "" if limit is None else f" of {limit} s"
    lines = [f"the time limit{took} was over; {_last(failed)}"]
    if limit is not None and limit < _LONGEST:
        more = min(_LONGEST, limit * 2)
        lines.append(f"to give it more: {_raise('timeLimit', more, '--time-limit')}{_direct(more)}")
    return "\n".join(lines)


def _direct(limit: int) -> str:
    """A function with a longer limit runs as a task alone."""
    if limit <= _LONGEST_DIRECT:
        return ""
    return f" (over {_LONGEST_DIRECT} s: taskdock run --queue)"


def _last(failed: FailedRun) -> str:
    error = {"name": failed.name, "message": failed.message}
    own = [line for line in short(failed.log, error=error) if line.strip()]
    if not own:
        return "it had printed nothing"
    last = own[-1].strip().splitlines()[-1]
    return f"the last that it printed: {last[:_LINE]}"


def memory(failed: FailedRun) -> str | None:
    out = failed.name in ("Runtime.OutOfMemory", "MemoryError")
    if not out and not any(_OUT_OF_HEAP in line for line in failed.log):
        return None
    limit = failed.memory_limit
    if limit is None:
        return "it needs more memory than its memory limit"
    used, sizes = _megabytes(failed, _USED), _megabytes(failed, _SIZE)
    had = sizes[-1] if sizes else limit  # with a debugger in it, a container has more
    is_full = bool(used) and used[-1] >= had * _NEARLY
    figures = f"{used[-1]} MB of {had} MB" if is_full else f"its memory limit is {limit} MB"
    text = f"it has used up its memory: {figures}"
    if limit >= _MOST_MEMORY:
        return text
    more = min(_MOST_MEMORY, limit * 2)
    return f"{text}; to give it more: {_raise('memoryLimit', more, '--memory-limit')}"


def _megabytes(failed: FailedRun, figure: re.Pattern[str]) -> list[int]:
    return [int(a or b) for line in failed.log for a, b in figure.findall(line)]


def _raise(field: str, value: int, option: str) -> str:
    return f'"{field}": {value} in task-config.json, or taskdock deploy PATH {option} {value}'
