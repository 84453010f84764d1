"""Output of the commands: JSON for programs, tables on a terminal, aligned lines anywhere else.

Results go to stdout, and notes to stderr. No other module of the commands prints, because control
characters from a function or a server are made harmless for a terminal here.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

import click

from taskdock.base import terminal

_MIB = 1024 * 1024  # bytes; the unit of the server's limits


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
    """Asks a yes-or-no question on stderr, and returns whether the answer on stdin is yes."""
    return click.confirm(terminal.shown(question, sys.stderr), err=True)


def _kept(stream: TextIO) -> bool | None:
    """The `color` argument for click, which else removes colours where the stream is no terminal.

    A file or a pipe gets the text unchanged.
    """
    return None if stream.isatty() else True


def say(text: str = "") -> None:
    """A line for people on stdout, styled on a terminal.

    It is written to sys.stdout, which progress bars replace to stay below the printed lines;
    click.echo() would bypass that replacement.
    """
    styled = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    terminal.write_line(text if styled else click.unstyle(text), sys.stdout)


def message(text: str, *, terminal: bool) -> str:
    """A log line's message as it is shown.

    On a terminal, text after a carriage return would overwrite the text before it, such as the
    line's time. So a terminal gets only the text after the last carriage return of each line,
    which is the last state of a progress bar. A file or a pipe gets the whole text.
    """
    text = text.rstrip()
    if not terminal or "\r" not in text:
        return text
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """Prints the rows under their column names. Without rows, prints the note `empty`."""
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
    """Prints a list from the service: one JSON document, or a table of `row(object)`."""
    if as_json:
        document(found)
    else:
        table(columns, [row(one) for one in found], empty=empty)


def done(answer: object, text: str, *, as_json: bool) -> None:
    """Prints that something was done: the service's answer as JSON, or `text` for people."""
    if as_json:
        document(answer)
    else:
        plain(text)


def fields(thing: Mapping[str, object]) -> None:
    """Prints one name and value on each line; a value of None is left out."""
    rows = [
        [name, value if isinstance(value, str) else as_text(value)]
        for name, value in thing.items()
        if value is not None
    ]
    _aligned(rows)


def limits(function: Mapping[str, object]) -> str:
    """The function's image or runtime and its limits, in a few words."""
    runs_on = function.get("image") or function.get("runtime")
    return f"{runs_on}, {function.get('timeLimit')} s, {function.get('memoryLimit')} MB"


def stored(found: Mapping[str, Any]) -> str:
    """The size of the server's database, its limits, and its oldest entry, in a few words."""
    limit, days, oldest = (found.get(name) for name in ("limit", "keepDays", "oldestTimestamp"))
    words = f"{found['size'] / _MIB:.0f}" + (f" of {limit / _MIB:.0f} MB" if limit else " MB")
    words += f", {days:g} days at most" if days else ""
    words += f", since {moment(oldest)} UTC" if oldest else ""
    removed = sum(found["removed"].values())
    return words + (f"; {removed} rows removed" if removed else "")


def moment(timestamp: object) -> str:
    """A timestamp of the service in UTC, cut to seconds: `2026-01-02 03:04:05`."""
    return str(timestamp or "")[:19].replace("T", " ")


def megabytes(size: int | None) -> str:
    return "" if size is None else f"{size / 1_000_000:.0f} MB"


def _drawn(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import console, table, text  # noqa: PLC0415 - late: only a terminal needs it

    drawing = table.Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, column in enumerate(columns):
        drawing.add_column(column, overflow="fold", no_wrap=number == 0)  # ids are copied from it
    for row in rows:
        safe = (terminal.printable(cell, colours=False) for cell in row)
        drawing.add_row(*(text.Text(cell) for cell in safe))
    console.Console().print(drawing)


def _aligned(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        plain("  ".join(cells).rstrip())
