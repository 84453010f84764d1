"""The block about a failed run: the error, its place, and at most one hint. Pure."""

from __future__ import annotations

from taskdock.client.failures.failed_run import FailedRun
from taskdock.client.failures.frames import own_frame
from taskdock.client.failures.hints import hint

_MOST_MESSAGE = 20  # lines
_LONGEST = 400  # letters of a line
_MARGIN = "  "


def block(failed: FailedRun) -> list[str]:
    """The lines of it, for instance:

    TypeError: Cannot read properties of undefined (reading 'name')
      at src/lib/shipping.js:2, in weight
        return order.parcels.name;
    Hint: ...
    """
    return [*_error(failed), *place(failed), *advice(failed)]


def place(failed: FailedRun) -> list[str]:
    """The lines that say where in the author's own code it was; none where nobody knows."""
    frame = own_frame(failed)
    if frame is None:
        return []
    where = failed.local(frame.path) or frame.path
    where += "" if frame.line is None else f":{frame.line}"
    where += f", in {frame.function}" if frame.function else ""
    source = [f"{_MARGIN * 2}{_cut(frame.source)}"] if frame.source else []
    return [f"{_MARGIN}at {where}", *source]


def advice(failed: FailedRun) -> list[str]:
    """The hint in lines; none where nobody is sure what helps."""
    found = hint(failed)
    if found is None:
        return []
    first, *more = found.split("\n")
    return [f"Hint: {first}", *(f"{_MARGIN}{line}" for line in more)]


def _error(failed: FailedRun) -> list[str]:
    text = f"{failed.name}: {failed.said}" if failed.said else failed.name
    text = text.replace("\r\n", "\n").replace("\r", "\n").partition("\nRequire stack:")[0]
    lines = text.rstrip().split("\n")
    left = len(lines) - _MOST_MESSAGE
    shown = [_cut(line) for line in lines[:_MOST_MESSAGE]]
    return shown + ([f"... {left} more lines"] if left > 0 else [])


def _cut(line: str) -> str:
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
