"""The lines of a JavaScript file that ran, by what V8 says of ranges in it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from taskdock.testing.coverage.records import Range

_EMPTY = "{}()[];,"
"""Characters of lines that say nothing: they end what a line before has begun."""


def common(left: Iterable[Sequence[Range]]) -> list[Range]:
    """The ranges that ran in none of several processes. Each one's are in order, and apart."""
    found: list[Range] | None = None
    for ranges in left:
        if found is None:
            found = list(ranges)
            continue
        both = [(max(one[0], other[0]), min(one[1], other[1])) for one in found for other in ranges]
        found = sorted((start, end) for start, end in both if start < end)
    return found or []


def counted(source: str, left: Sequence[Range]) -> dict[int, bool]:
    """By line, from 1 on: whether any of it ran. Without empty lines, comments and lone brackets.

    `left`: what did not run, in UTF-16 units, as V8 counts.
    """
    lines: dict[int, bool] = {}
    at, in_comment = 0, False
    for number, line in enumerate(source.split("\n"), start=1):
        text = line.strip()
        begins_in_comment = in_comment
        if in_comment:
            in_comment = "*/" not in text
        elif text.startswith("/*"):
            in_comment = "*/" not in text[2:]
            begins_in_comment = text.endswith("*/") or in_comment
        is_code = text.strip(_EMPTY) and not begins_in_comment and not text.startswith("//")
        if is_code:
            start = at + _units(line[: len(line) - len(line.lstrip())])
            lines[number] = not _covers(left, start, start + _units(text))
        at += _units(line) + 1
    return lines


def _covers(ranges: Iterable[Range], start: int, end: int) -> bool:
    for first, last in sorted(ranges):
        if first <= start < last:
            start = last
    return start >= end


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def lcov(files: Iterable[tuple[str, dict[int, bool]]]) -> str:
    """As other tools read it: https://manpages.debian.org/bookworm/lcov/geninfo.1.en.html#FILES"""
    text: list[str] = []
    for name, lines in files:
        text += ["TN:taskdock", f"SF:{name}"]
        text += [f"DA:{number},{int(ran)}" for number, ran in sorted(lines.items())]
        text += [f"LF:{len(lines)}", f"LH:{sum(lines.values())}", "end_of_record"]
    return "".join(f"{line}\n" for line in text)
