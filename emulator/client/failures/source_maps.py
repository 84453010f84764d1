"""Source maps: lead places of built files back to what they were built from. Pure.

The format: https://tc39.es/ecma426/. Maps that have sections are not read.
"""

from __future__ import annotations

import base64
import json
import posixpath
import re
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

_URL = re.compile(r"^//[#@] sourceMappingURL=(\S+)\s*$", re.MULTILINE)
_INLINE = re.compile(r"data:application/json;(?:charset=[\w-]+;)?base64,(.*)")
_DIGITS = {
    letter: value
    for value, letter in enumerate(
        string.ascii_uppercase + string.ascii_lowercase + string.digits + "+/"
    )
}
_GOES_ON = 32
_BITS = 5


@dataclass(frozen=True)
class Original:
    path: str
    """From the folder of the code on; it may begin with `..`."""
    line: int
    source: str
    """The line's text; empty where the map has none."""


def original(
    read: Callable[[str], str | None], path: str, line: int, column: int
) -> Original | None:
    """The place that a place of a built file comes from; None where no map tells. `line` and
    `column` count from 1. `read` gives the content of a file of the package."""
    try:
        found = _map(read, path)
        return None if found is None else _place(*found, line, column)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None  # it is no map that anybody could read


def _map(read: Callable[[str], str | None], path: str) -> tuple[dict[str, Any], str] | None:
    """The map of a file, and the folder that its paths begin in."""
    urls = _URL.findall(read(path) or "")
    url = urls[-1] if urls else posixpath.basename(path) + ".map"
    folder = posixpath.dirname(path)
    if match := _INLINE.fullmatch(url):
        return json.loads(base64.b64decode(match[1])), folder
    place = posixpath.normpath(posixpath.join(folder, url))
    text = read(place)
    return None if text is None else (json.loads(text), posixpath.dirname(place))


def _place(found: dict[str, Any], folder: str, line: int, column: int) -> Original | None:
    best = None
    for segment in _segments(found["mappings"])[line - 1]:
        if best is not None and segment[0] > column - 1:
            break
        best = segment
    if best is None:
        return None
    _, index, source_line = best
    path = posixpath.join(folder, found.get("sourceRoot") or "", found["sources"][index])
    contents = found.get("sourcesContent") or []
    lines = ((contents[index] if index < len(contents) else None) or "").splitlines()
    text = lines[source_line].strip() if source_line < len(lines) else ""
    return Original(posixpath.normpath(path), source_line + 1, text)


@lru_cache(maxsize=4)
def _segments(mappings: str) -> list[list[tuple[int, int, int]]]:
    """For each line of the built file: columns, and from each on the number of the source and the
    line in it. All but the columns goes on from line to line."""
    source = source_line = 0
    found: list[list[tuple[int, int, int]]] = []
    for line in mappings.split(";"):
        found.append([])
        column = 0
        for segment in filter(None, line.split(",")):
            numbers = [*_numbers(segment)]
            column += numbers[0]
            if len(numbers) > 1:
                source += numbers[1]
                source_line += numbers[2]
                found[-1].append((column, source, source_line))
    return found


def _numbers(segment: str) -> Iterator[int]:
    """Base64 VLQ: five bits in a letter, the lowest first; the lowest of all is the sign."""
    value = shift = 0
    for letter in segment:
        digit = _DIGITS[letter]
        value |= (digit & (_GOES_ON - 1)) << shift
        shift += _BITS
        if not digit & _GOES_ON:
            yield -(value >> 1) if value & 1 else value >> 1
            value = shift = 0
