"""Printing on terminals: text stays text, and is never an order to the terminal.

Functions choose much of the text that is printed: log lines, results, errors and names. Escape
sequences can make a terminal rewrite its lines, set its title or the clipboard, or send text as if
it had been typed. So control characters are shown as escapes. Colours stay (SGR, which test runners
print): they change the look of a line and nothing else, and are ended with the line.

A file or a pipe gets every byte unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

_COLOUR = r"\x1b\[[0-9;:]{0,64}m"
"""SGR, "select graphic rendition": ECMA-48, 8.3.117; with colons by ISO 8613-6."""
_END_OF_COLOUR = "\x1b[0m"
_UNSAFE = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but for tab and newline, DEL, C1: ECMA-48, 5.2 and 5.3
    r"\u202a-\u202e\u2066-\u2069]"  # order of characters by Unicode's UAX 9: "Trojan Source"
)
_IN_COLOUR = re.compile(rf"({_COLOUR})|\r(?=\n)|({_UNSAFE})")
_ANY = re.compile(rf"()\r(?=\n)|({_UNSAFE})")


def printable(text: str, *, colours: bool = True) -> str:
    r"""`text` with its control characters written as escapes, such as \u001b, as JSON writes them.

    `colours`: colour sequences stay, and are ended at the end of the text.
    """
    coloured = False

    def replace(found: re.Match[str]) -> str:
        nonlocal coloured
        if found[1]:
            coloured = True
            return found[0]
        return f"\\u{ord(found[2]):04x}" if found[2] else ""

    safe = (_IN_COLOUR if colours else _ANY).sub(replace, text)
    if coloured and not safe.rstrip("\n").endswith((_END_OF_COLOUR, "\x1b[m")):
        safe += _END_OF_COLOUR
    return safe


def shown(text: str, stream: TextIO, *, colours: bool = True) -> str:
    """`text` for `stream`: as `printable` returns it for a terminal, and unchanged for others."""
    return printable(text, colours=colours) if stream.isatty() else text


def write_line(text: str, stream: TextIO) -> None:
    """Writes one line to `stream` and flushes it; see `shown`.

    The text and its end are one write: where Python does not buffer (PYTHONUNBUFFERED, as in
    containers and CI), print() writes the end by itself, and another thread's text may come in
    between, behind an address for example.
    """
    stream.write(f"{shown(text, stream)}\n")
    stream.flush()


@contextmanager
def own_screen(stream: TextIO) -> Iterator[Callable[[Sequence[str]], None]]:
    """A screen of its own on a terminal: the function that draws lines on it, in place of the lines
    before. Afterwards the terminal is as it was.

    The sequences are xterm's, which other terminals keep to: its "ctlseqs", private modes 1049
    (the alternate screen) and 25 (the cursor), and ECMA-48's CUP, EL and ED.
    """

    def draw(lines: Sequence[str]) -> None:
        shown_lines = "\n".join(f"{shown(line, stream)}\x1b[K" for line in lines)
        stream.write(f"\x1b[H{shown_lines}\x1b[J")
        stream.flush()

    stream.write("\x1b[?1049h\x1b[?25l\x1b[H\x1b[J")
    try:
        yield draw
    finally:
        stream.write("\x1b[?25h\x1b[?1049l")
        stream.flush()
