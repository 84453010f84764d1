"""Drawing of tables: their lines for a terminal, and their whole rows for a file or a pipe. Pure.

Control characters of cells are made harmless here, before their widths are counted.
"""

from __future__ import annotations

from collections.abc import Sequence

import click

from taskdock.base import terminal
from taskdock.client.console.tables import cells, layout
from taskdock.client.console.tables.layout import Cell, Column

Rows = Sequence[Sequence[object]]
"""Cells may be texts, numbers or None, too."""


def fitted(columns: Sequence[str | Column], rows: Rows, *, width: int, encoding: str) -> list[str]:
    """Lines that fit a terminal of this width, with colours."""
    shown = [[_harmless(_cell(value)) for value in row] for row in rows]
    ellipsis = _ellipsis(encoding)
    lines = layout.laid_out(_columns(columns), shown, width=width, ellipsis=ellipsis)
    return ["".join(_styled(text, style) for text, style in line).rstrip() for line in lines]


def whole(columns: Sequence[str | Column], rows: Rows) -> list[list[str]]:
    """The headings and all rows in full; an empty cell is "-"."""
    texts = [[cells.one_line(_cell(value).text) or "-" for value in row] for row in rows]
    return [[column.name.upper() for column in _columns(columns)], *texts]


def _columns(given: Sequence[str | Column]) -> list[Column]:
    """Names alone: the columns on the right are left out first."""
    return [
        column if isinstance(column, Column) else Column(column, rank=place)
        for place, column in enumerate(given)
    ]


def _cell(value: object) -> Cell:
    return value if isinstance(value, Cell) else Cell("" if value is None else str(value))


def _harmless(cell: Cell) -> Cell:
    text, short = (
        terminal.printable(cells.one_line(text), colours=False) for text in (cell.text, cell.short)
    )
    return Cell(text, short, cell.style)


def _styled(text: str, style: str) -> str:
    if not style:
        return text
    return click.style(text, bold=True) if style == "bold" else click.style(text, fg=style)


def _ellipsis(encoding: str) -> str:
    try:
        "…".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ".."
    return "…"
