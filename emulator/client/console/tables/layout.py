"""Layout of tables: which columns a terminal of some width gets, and how wide each is. Pure.

Where a table is too wide, these steps are taken until it fits: prose is cut; headings and cells
take their short forms; columns stand closer; empty columns of prose are left out; names are cut in
the middle; the column with the highest rank is left out. An id is never cut, because people copy
it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from taskdock.client.console.tables import cells

_WHOLE = re.compile(r"[0-9a-f]{24}|\d{4}-\d\d-\d\d[ T][\d:.]+Z?")
"""Ids and times."""
_LEAST = 10  # columns of a text that is cut


class Fit(Enum):
    """The ways in which the texts of a column that is too wide are made to fit."""

    WHOLE = "whole"
    MIDDLE = "cut in the middle"
    END = "cut at the end"
    WRAP = "in several lines, between words"
    BELOW = "in a line of its own below the row, where there is no room for the column"


@dataclass(frozen=True)
class Column:
    """`short`: the heading where there is little room. `rank`: columns of a higher rank are left
    out before others, those of rank 0 never. `right`: aligned to the right, as numbers are."""

    name: str
    short: str = ""
    rank: int = 0
    fit: Fit = Fit.MIDDLE
    right: bool = False


@dataclass(frozen=True)
class Cell:
    """`short`: the text where there is little room. `style`: the name of a colour, or ""."""

    text: str
    short: str = ""
    style: str = ""


Row = Sequence[Cell]
Line = list[tuple[str, str]]
"""Texts, one after another, each with its style."""


@dataclass(frozen=True)
class _Level:
    """How far a table is reduced."""

    short: bool
    cut: frozenset[Fit]
    gap: int


@dataclass(frozen=True)
class _Widths:
    """The columns that are shown, by their numbers, and the width of each."""

    shown: Sequence[int]
    widths: Sequence[int]
    level: _Level


_PROSE = frozenset({Fit.END, Fit.WRAP})
_LEVELS = (
    _Level(short=False, cut=frozenset(), gap=2),
    _Level(short=False, cut=_PROSE, gap=2),
    _Level(short=True, cut=_PROSE, gap=2),
    _Level(short=True, cut=_PROSE, gap=1),
    _Level(short=True, cut=_PROSE | {Fit.MIDDLE}, gap=1),
)


def laid_out(
    columns: Sequence[Column], rows: Sequence[Row], *, width: int, ellipsis: str = "…"
) -> list[Line]:
    """The lines of the table, the heading first, each at most `width` columns wide, unless the
    columns of rank 0 need more."""
    plan = _planned(columns, rows, width)
    below = [
        number
        for number, column in enumerate(columns)
        if number not in plan.shown and column.fit is Fit.BELOW
    ]
    lines = _headings(columns, plan)
    for row in rows:
        lines += _cells(columns, row, plan, ellipsis)
        for number in below:
            if row[number].text:
                note = cells.cut_end(f"  {row[number].text}", width, ellipsis)
                lines.append([(note, row[number].style)])
    return lines


def _planned(columns: Sequence[Column], rows: Sequence[Row], width: int) -> _Widths:
    shown = list(range(len(columns)))
    for level in _LEVELS[:-1]:
        widths = _widths(columns, rows, shown, level, width)
        if widths is not None:
            return _Widths(shown, widths, level)
    shown = [number for number in shown if not _is_bare(columns[number], rows, number)]
    while True:
        for level in _LEVELS:
            widths = _widths(columns, rows, shown, level, width)
            if widths is not None:
                return _Widths(shown, widths, level)
        last = max(shown, key=lambda number: (columns[number].rank, number))
        if columns[last].rank == 0:
            least = [_least(columns[n], _texts(columns, rows, n, _LEVELS[-1])) for n in shown]
            return _Widths(shown, least, _LEVELS[-1])
        shown.remove(last)


def _is_bare(column: Column, rows: Sequence[Row], number: int) -> bool:
    """Whether a column of texts that few rows have is empty."""
    return column.fit in (Fit.END, Fit.BELOW) and not any(row[number].text for row in rows)


def _texts(columns: Sequence[Column], rows: Sequence[Row], number: int, level: _Level) -> list[str]:
    return [_heading(columns[number], level), *(_text(row[number], level) for row in rows)]


def _heading(column: Column, level: _Level) -> str:
    return (level.short and column.short) or column.name


def _text(cell: Cell, level: _Level) -> str:
    return (level.short and cell.short) or cell.text


def _least(column: Column, texts: Sequence[str]) -> int:
    """The columns that a column needs, whatever is cut."""
    heading, *others = texts
    if column.fit is Fit.WHOLE:
        return max(map(cells.width, texts))
    whole = [text for text in others if _WHOLE.fullmatch(text)]
    cut = [min(cells.width(text), _LEAST) for text in others]
    return max([cells.width(heading), *map(cells.width, whole), *cut])


def _widths(
    columns: Sequence[Column], rows: Sequence[Row], shown: Sequence[int], level: _Level, width: int
) -> list[int] | None:
    """The width of each column that is shown, or None where they do not fit."""
    room = width - level.gap * (len(shown) - 1)
    widths, least = [], []
    for number in shown:
        texts = _texts(columns, rows, number, level)
        natural = max(map(cells.width, texts))
        widths.append(natural)
        can_be_cut = columns[number].fit in level.cut
        least.append(min(_least(columns[number], texts), natural) if can_be_cut else natural)
    if sum(least) > room:
        return None
    while sum(widths) > room:  # the widest gives first, so that columns become alike
        able = [number for number in range(len(shown)) if widths[number] > least[number]]
        widths[max(able, key=lambda number: widths[number])] -= 1
    return widths


def _headings(columns: Sequence[Column], plan: _Widths) -> list[Line]:
    texts = [[_heading(columns[number], plan.level)] for number in plan.shown]
    return _aligned(columns, texts, ["bold"] * len(texts), plan)


def _cells(columns: Sequence[Column], row: Row, plan: _Widths, ellipsis: str) -> list[Line]:
    texts = [
        _fitted(_text(row[number], plan.level), columns[number].fit, wide, ellipsis)
        for number, wide in zip(plan.shown, plan.widths, strict=True)
    ]
    return _aligned(columns, texts, [row[number].style for number in plan.shown], plan)


def _fitted(text: str, fit: Fit, wide: int, ellipsis: str) -> list[str]:
    if cells.width(text) <= wide or _WHOLE.fullmatch(text):
        return [text]
    if fit is Fit.WRAP:
        return [cells.cut_middle(line, wide, ellipsis) for line in cells.wrapped(text, wide)]
    cut = cells.cut_end if fit is Fit.END else cells.cut_middle
    return [cut(text, wide, ellipsis)]


def _aligned(
    columns: Sequence[Column],
    texts: Sequence[Sequence[str]],
    styles: Sequence[str],
    plan: _Widths,
) -> list[Line]:
    """The lines of one row, whose cells have one or more lines each."""
    lines = []
    for number in range(max(map(len, texts))):
        line: Line = []
        for place, own in enumerate(texts):
            text = own[number] if number < len(own) else ""
            blanks = " " * (plan.widths[place] - cells.width(text))
            is_right = columns[plan.shown[place]].right
            gap = "" if place == len(texts) - 1 else " " * plan.level.gap
            line += [("" if not is_right else blanks, ""), (text, styles[place])]
            line += [("" if is_right else blanks, ""), (gap, "")]
        while line and not line[-1][0].strip():
            line.pop()
        lines.append([piece for piece in line if piece[0]])
    return lines
