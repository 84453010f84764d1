"""Output of the commands: JSON for programs, tables on a terminal, aligned lines anywhere else.

Results go to stdout, and notes to stderr. No other module of the commands prints, because control
characters from a function or a server are made harmless for a terminal here.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TextIO

import click

from taskdock.base import terminal
from taskdock.client.console import secrets
from taskdock.client.console.tables import cells, drawing
from taskdock.client.console.tables.layout import Column

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
    terminal.write_line(text if has_colours(sys.stdout) else click.unstyle(text), sys.stdout)


def has_colours(stream: TextIO) -> bool:
    """Whether coloured text is wanted there: https://no-color.org, and terminfo's "dumb"."""
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return stream.isatty() and wanted


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


def table(columns: Sequence[str | Column], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """Prints the rows under their column names. Without rows, prints the note `empty`.

    A terminal gets what fits its width: see `taskdock.client.console.tables.layout`. A file or a
    pipe gets every column whole, with "-" for an empty cell, so that scripts can count columns.
    """
    if not rows:
        note(_advice(empty))
        return
    if sys.stdout.isatty():
        for line in table_lines(columns, rows):
            say(line)
    else:
        _aligned(drawing.whole(columns, rows))


def table_lines(columns: Sequence[str | Column], rows: Sequence[Sequence[object]]) -> list[str]:
    """The lines of a table for the terminal that stdout is, with colours."""
    width, encoding = screen_size().columns, sys.stdout.encoding or "ascii"
    return drawing.fitted(columns, rows, width=width, encoding=encoding)


def screen_size() -> os.terminal_size:
    """Columns and lines of the terminal; 80 and 24 where it does not say.

    COLUMNS is a wish that comes first. LINES is none: where it is set, as some CI and screens do,
    it is of another terminal, and a drawing of that height would roll off this one.
    """
    size = shutil.get_terminal_size()
    try:
        lines = os.get_terminal_size(sys.stdout.fileno()).lines
    except (OSError, ValueError):  # no terminal, or closed
        return size
    return os.terminal_size((size.columns, lines or size.lines))


def listing(
    found: Sequence[dict[str, Any]],
    *,
    as_json: bool,
    columns: Sequence[str | Column],
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
    """Prints one name and value on each line; a value of None is left out.

    A terminal gets a value that is too wide for it in lines below each other: text broken between
    words, JSON indented.
    """
    given = {name: value for name, value in thing.items() if value is not None}
    if not sys.stdout.isatty():
        _aligned([[name, _one_value(value)] for name, value in given.items()])
        return
    names = max((cells.width(name) for name in given), default=0)
    for name, value in given.items():
        first, *others = _value_lines(value, screen_size().columns - names - 2)
        plain(f"{cells.padded(name, names)}  {first}")
        for other in others:
            plain(f"{'':{names}}  {other}")


def secret_fields(thing: Mapping[str, object], shown: Mapping[str, object]) -> None:
    """Prints `shown`, which is `thing` without what is secret, and says so where they differ."""
    fields(shown)
    if shown != thing:
        note(f"{secrets.HIDDEN} is in place of what may be secret; to see it: --show-secrets")


def _one_value(value: object) -> str:
    return value if isinstance(value, str) else as_text(value)


def _value_lines(value: object, width: int) -> list[str]:
    text = _one_value(value)
    if cells.width(terminal.printable(text)) <= width and "\n" not in text:
        return [text]
    if not isinstance(value, str):
        return as_text(value, indent=2).split("\n")
    return [line for part in text.split("\n") for line in cells.wrapped(part, width)]


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


def _advice(text: str) -> str:
    """`text`, in which the command to type is on a line of its own where a terminal would break it
    otherwise."""
    if not sys.stderr.isatty() or cells.width(text) <= screen_size().columns:
        return text
    return text.replace(": ", ":\n", 1)


def _aligned(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(cells.width, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        texts = (cells.padded(cell, width) for cell, width in zip(row, widths, strict=True))
        plain("  ".join(texts).rstrip())
