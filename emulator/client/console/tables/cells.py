"""Widths of texts on a terminal, and cutting texts to a width. Pure.

A width counts the columns that a terminal gives a text: 2 for characters of East Asian scripts and
most emoji (Unicode's UAX 11), 0 for marks that are drawn onto the character before them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

_JOINER = "\u200d"  # joins emoji: Unicode's UTS 51, 2.2
_AS_EMOJI = "\ufe0f"  # asks for the wide form of the character before it
_SOFT_HYPHEN = "\xad"
_LINE_ENDS = {ord(end): ascii(end)[1:-1] for end in "\n\r\t\v\f\x1c\x1d\x1e\x85\u2028\u2029"}


def one_line(text: str) -> str:
    """`text` with its line ends and tabs written as escapes, so that a cell is one line."""
    return text if text.isprintable() else text.translate(_LINE_ENDS)


def width(text: str) -> int:
    """The columns that `text` takes; it has no control characters."""
    if text.isascii():
        return len(text)
    return sum(wide for _, wide in _clusters(text))


def padded(text: str, columns: int, *, right: bool = False) -> str:
    """`text` with blanks up to a width, before it if `right`."""
    blanks = " " * (columns - width(text))
    return blanks + text if right else text + blanks


def cut_middle(text: str, columns: int, ellipsis: str) -> str:
    """`text` in at most so many columns: both ends stay, since names differ at either."""
    room = columns - len(ellipsis)
    if width(text) <= columns or room < 1:
        return text if width(text) <= columns else _first(text, columns)
    head = _first(text, (room + 1) // 2)
    return head + ellipsis + _last(text, room - width(head))


def cut_end(text: str, columns: int, ellipsis: str) -> str:
    """`text` in at most so many columns: the beginning stays."""
    if width(text) <= columns:
        return text
    return _first(text, max(columns - len(ellipsis), 0)).rstrip() + ellipsis


def wrapped(text: str, columns: int) -> list[str]:
    """`text` in lines of at most so many columns, broken between words; a longer word is alone on
    its line, and not broken."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and width(lines[-1]) + 1 + width(word) <= columns:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines or [""]


def _first(text: str, columns: int) -> str:
    return "".join(_fitting(_clusters(text), columns))


def _last(text: str, columns: int) -> str:
    return "".join(reversed(list(_fitting(reversed(list(_clusters(text))), columns))))


def _fitting(clusters: Iterator[tuple[str, int]], columns: int) -> Iterator[str]:
    for cluster, wide in clusters:
        columns -= wide
        if columns < 0:
            return
        yield cluster


def _clusters(text: str) -> Iterator[tuple[str, int]]:
    """Characters with the marks drawn onto them, and the columns that they take. Joined emoji count
    as many as they are, because not every terminal joins them."""
    cluster, wide = "", 0
    for character in text:
        own = _own_width(character)
        if cluster and (own == 0 or cluster.endswith(_JOINER)):
            cluster += character
            wide = max(wide, 2) if character == _AS_EMOJI else wide + own
            continue
        if cluster:
            yield cluster, wide
        cluster, wide = character, own
    if cluster:
        yield cluster, wide


def _own_width(character: str) -> int:
    if character.isascii() or character == _SOFT_HYPHEN:
        return 1
    is_drawn_onto = unicodedata.category(character) in ("Mn", "Me", "Cf")
    if is_drawn_onto or "\u1160" <= character <= "\u11ff":  # vowels and finals of Hangul
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1
