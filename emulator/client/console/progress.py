"""Progress: shows lines that end in a percentage or in seconds as bars on a terminal.

Without a terminal, lines stay lines.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from taskdock.base import terminal
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.client.console import output

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Show = Callable[[str], None]

_PERCENTAGE = re.compile(r"(?P<what>.+): (?P<percent>\d+) %")
_SECONDS = re.compile(r".+: \d+ s")
_SECONDS_BETWEEN = 4.0  # less than the time between two lines of one subject


@contextmanager
def shown() -> Iterator[Show]:
    """Yields a function to call with each progress line. It may be called on any thread."""
    if not sys.stderr.isatty():
        yield _Lines(output.note, SystemClock()).show
        return
    from rich import console, progress  # noqa: PLC0415 - late: only a terminal needs it

    with progress.Progress(
        progress.TextColumn("   {task.description}", markup=False),
        progress.BarColumn(),
        progress.TaskProgressColumn(),
        console=console.Console(stderr=True),
        redirect_stdout=sys.stdout.isatty(),
        transient=True,
    ) as bars:
        yield _Bars(bars).show


class _Lines:
    """Progress without a terminal: lines on stderr.

    Of several subjects that print seconds at the same time, only one prints in each interval.
    """

    def __init__(self, write: Show, clock: Clock) -> None:
        self._write = write
        self._clock = clock
        self._last = -math.inf

    def show(self, line: str) -> None:
        now = self._clock.monotonic()
        if _SECONDS.fullmatch(line) and now - self._last < _SECONDS_BETWEEN:
            return
        self._last = now
        self._write(line)


class _Bars:
    """Progress on a terminal: one bar for each subject.

    The subject is the text before the first ": " of a line, such as an image's name.
    """

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._by_subject: dict[str, TaskID] = {}

    def show(self, line: str) -> None:
        line = terminal.printable(line, colours=False)
        if match := _PERCENTAGE.fullmatch(line):
            percent = int(match["percent"])
            self._draw(match["what"], completed=percent, total=100, visible=percent < 100)
        elif match := _SECONDS.fullmatch(line):
            bar = self._by_subject.get(_subject(line))
            if bar is None:  # without a percentage: the bar only shows that the work goes on
                self._draw(line, total=None)
            else:
                self._bars.update(bar, description=line)
        else:
            self._forget(_subject(line))
            self._bars.console.print(f"   {line}", markup=False, highlight=False, soft_wrap=True)

    def _draw(self, description: str, **fields: Any) -> None:
        subject = _subject(description)
        if subject not in self._by_subject:
            self._by_subject[subject] = self._bars.add_task(description, **fields)
        self._bars.update(self._by_subject[subject], description=description, **fields)

    def _forget(self, subject: str) -> None:
        if subject in self._by_subject:
            self._bars.remove_task(self._by_subject.pop(subject))


def _subject(line: str) -> str:
    return line.partition(": ")[0]
