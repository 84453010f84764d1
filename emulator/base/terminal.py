"""Terminals: what is printed there is text, and never an order to the terminal.

Functions choose much of what is printed: their log lines, results, errors and names. By escape
sequences a terminal can be told to rewrite what stands there, to set its title or the clipboard, or
to send what looks typed. So control characters are shown as what they are. Colours stay (SGR, which
test runners print): they change how a line looks and nothing else, and end with it.

A file or a pipe gets every byte as it came.
"""

from __future__ import annotations

import re
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
    r"""The text as a terminal may have it; what it may not is shown as \u001b, as JSON has it.

    `colours`: sequences that only colour stay, and are ended at the end of the text.
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
    """The text as this stream may have it: all of it, unless it is a terminal."""
    return printable(text, colours=colours) if stream.isatty() else text


def write_line(text: str, stream: TextIO) -> None:
    """At once, whatever it holds, and in one piece with its end: where Python does not buffer
    (PYTHONUNBUFFERED, as in containers and CI), print() writes that end by itself, and what another
    thread says to the same file comes in between, behind an address for example."""
    stream.write(f"{shown(text, stream)}\n")
    stream.flush()
