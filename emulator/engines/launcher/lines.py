"""Splits a container's output into lines. No I/O.

A line ends with a line feed and with nothing else: a carriage return is a part of it, as on AWS, so
that a progress bar is one line.
"""

from __future__ import annotations

MAX_LINE = 256 * 1024  # bytes; CloudWatch's limit for one log event
_LONGEST = 4  # bytes of a character in UTF-8


class LineSplitter:
    """A very long line comes in parts of up to `MAX_LINE`, as soon as there is one; no character is
    cut in two."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        first, newline, others = data.partition(b"\n")
        self._rest += first  # in place: a line may come in thousands of pieces
        lines: list[bytes] = []
        if newline:
            whole = others.split(b"\n")
            for line in (bytes(self._rest), *whole[:-1]):
                lines += _cut(line)
            self._rest = bytearray(whole[-1])
        while len(self._rest) > MAX_LINE:
            end = _end(self._rest, MAX_LINE)
            lines.append(bytes(self._rest[:end]))
            del self._rest[:end]
        return lines

    def end(self) -> list[bytes]:
        """The rest, if there is any, is a line; later data begins another."""
        rest, self._rest = bytes(self._rest), bytearray()
        return _cut(rest) if rest else []


def _cut(line: bytes) -> list[bytes]:
    parts, begin = [], 0
    while len(line) - begin > MAX_LINE:
        end = _end(line, begin + MAX_LINE)
        parts.append(line[begin:end])
        begin = end
    return [*parts, line[begin:]]


def _end(line: bytes | bytearray, maximum: int) -> int:
    """The end of a part: at `maximum`, or a little before, at the beginning of a character in
    UTF-8."""
    ends = range(maximum, maximum - _LONGEST, -1)
    return next((end for end in ends if line[end] & 0xC0 != 0x80), maximum)
