"""Progress: lines that end in a percentage become bars on a terminal, and stay lines elsewhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from emulator.client import output

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Show = Callable[[str], None]

_PERCENTAGE = re.compile(r"(?P<what>.+): (?P<percent>\d+) %")


@contextmanager
def shown() -> Iterator[Show]:
    """Gives the function to call with each line, from any thread."""
    if not sys.stderr.isatty():
        yield output.note
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


class _Bars:
    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._by_name: dict[str, TaskID] = {}

    def show(self, line: str) -> None:
        match = _PERCENTAGE.fullmatch(line)
        if match is None:
            self._bars.console.print(f"   {line}", markup=False, highlight=False, soft_wrap=True)
            return
        what, percent = match["what"], int(match["percent"])
        if what not in self._by_name:
            self._by_name[what] = self._bars.add_task(what)
        self._bars.update(self._by_name[what], completed=percent, visible=percent < 100)
