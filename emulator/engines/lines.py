"""Splits what a container prints into lines. No I/O."""

from __future__ import annotations

MAX_LINE = 256 * 1024  # bytes; CloudWatch's limit for one log event


class Lines:
    """A very long line comes in parts of `MAX_LINE`, as soon as there is one."""

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
            lines.append(bytes(self._rest[:MAX_LINE]))
            del self._rest[:MAX_LINE]
        return lines

    def end(self) -> list[bytes]:
        """What is left, if anything, is a line; what comes next begins another."""
        rest, self._rest = bytes(self._rest), bytearray()
        return _cut(rest) if rest else []


def _cut(line: bytes) -> list[bytes]:
    return [line[begin : begin + MAX_LINE] for begin in range(0, len(line) or 1, MAX_LINE)]
