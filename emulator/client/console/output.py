"""Output: JSON for programs, tables on a terminal, plain aligned lines anywhere else.

What a program may read goes to stdout; everything else is a note, on stderr. Nothing else of the
command prints: whatever came from a function or the server is made harmless here for a terminal.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

import click

from emulator.base import terminal

_MIB = 1024 * 1024  # bytes; the server's limits are in these


def document(value: object) -> None:
    """One JSON document on stdout."""
    plain(as_text(value, indent=2))


def line(value: object) -> None:
    """One JSON document on one line of stdout."""
    plain(as_text(value))


def as_text(value: object, *, indent: int | None = None) -> str:
    """JSON in the characters that stdout can show."""
    unicode = (sys.stdout.encoding or "").lower().startswith("utf")
    return json.dumps(value, indent=indent, ensure_ascii=not unicode)


def plain(text: str = "") -> None:
    """A line on stdout."""
    click.echo(terminal.shown(text, sys.stdout), color=_kept(sys.stdout))


def note(text: str) -> None:
    """A line on stderr."""
    click.echo(terminal.shown(text, sys.stderr), err=True, color=_kept(sys.stderr))


def agreed(question: str) -> bool:
    """What somebody at the terminal answers; it is asked on stderr."""
    return click.confirm(terminal.shown(question, sys.stderr), err=True)


def _kept(stream: TextIO) -> bool | None:
    """For click, which takes colours out of what is no terminal: that gets all of it."""
    return None if stream.isatty() else True


def say(text: str = "") -> None:
    """A line for people on stdout, styled on a terminal.

    To sys.stdout, because progress bars put something in its place to stay below it, which
    click.echo() would get round.
    """
    styled = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    terminal.write_line(text if styled else click.unstyle(text), sys.stdout)


def message(text: str, *, terminal: bool) -> str:
    """A log line's message as it is shown.

    A terminal would write what follows a carriage return over what stands before it, the time of
    the line first. It gets what a progress bar leaves; a file or a pipe gets all.
    """
    text = text.rstrip()
    if not terminal or "\r" not in text:
        return text
    return "\n".join(each.rstrip("\r").rpartition("\r")[2] for each in text.split("\n"))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """The rows under their columns; `empty` is the note when there are none."""
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if not texts:
        note(empty)
    elif sys.stdout.isatty():
        _drawn(columns, texts)
    else:
        _aligned([[column.upper() for column in columns], *texts])


def listing(
    found: Sequence[dict[str, Any]],
    *,
    as_json: bool,
    columns: Sequence[str],
    row: Callable[[dict[str, Any]], Sequence[object]],
    empty: str,
) -> None:
    """What a service has listed: one JSON document, or a table with a `row` of each."""
    if as_json:
        document(found)
    else:
        table(columns, [row(one) for one in found], empty=empty)


def done(answer: object, text: str, *, as_json: bool) -> None:
    """That something was done: the service's answer for a program, `text` for people."""
    if as_json:
        document(answer)
    else:
        plain(text)


def fields(thing: Mapping[str, object]) -> None:
    """A name and a value a line."""
    rows = [
        [name, value if isinstance(value, str) else as_text(value)]
        for name, value in thing.items()
        if value is not None
    ]
    _aligned(rows)


def limits(function: Mapping[str, object]) -> str:
    """What runs the function and what it may use, in a few words."""
    runs_on = function.get("image") or function.get("runtime")
    return f"{runs_on}, {function.get('timeLimit')} s, {function.get('memoryLimit')} MB"


def stored(found: Mapping[str, Any]) -> str:
    """What the server keeps, from when on, and how much of it may be."""
    limit, days, oldest = (found.get(name) for name in ("limit", "keepDays", "oldestTimestamp"))
    said = f"{found['size'] / _MIB:.0f}" + (f" of {limit / _MIB:.0f} MB" if limit else " MB")
    said += f", {days:g} days at most" if days else ""
    said += f", since {moment(oldest)} UTC" if oldest else ""
    removed = sum(found["removed"].values())
    return said + (f"; {removed} rows removed" if removed else "")


def moment(timestamp: object) -> str:
    """A timestamp of the service in fewer characters, to the second and still in UTC."""
    return str(timestamp or "")[:19].replace("T", " ")


def megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1_000_000:.0f} MB"


def _drawn(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import console, table, text  # noqa: PLC0415 - late: only a terminal needs it

    drawing = table.Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, column in enumerate(columns):
        drawing.add_column(column, overflow="fold", no_wrap=number == 0)  # what is copied, whole
    for row in rows:
        safe = (terminal.printable(cell, colours=False) for cell in row)
        drawing.add_row(*(text.Text(cell) for cell in safe))
    console.Console().print(drawing)


def _aligned(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        plain("  ".join(cells).rstrip())
