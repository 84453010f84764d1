"""Reads what the hooks in containers have written: `runtimes/coverage`.

Functions can write anything in their place: a line that makes no sense is passed over, and of all
that is no regular file nothing is read.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from taskdock.lambdas.environment.provision.coverage import LINES

MOST = 64 * 2**20
"""Bytes that are read of one file."""
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_PYTHON, _NODE = "python", "nodejs"

Step = tuple[int, int]
Range = tuple[int, int]


@dataclass
class Record:
    """The part of one file that one process ran."""

    function: str
    path: str
    """In the container."""
    digest: tuple[str, str] = ("", "")
    """`crc32` or `sha256` of the file, and its value."""
    steps: set[Step] = field(default_factory=set)
    """Python: (line before, line), with coverage.py's negative numbers for entry and exit."""
    lines: set[int] = field(default_factory=set)
    """Python, where lines alone are counted."""
    left: tuple[Range, ...] | None = None
    """Node.js: what did not run, in UTF-16 units from the file's beginning, end excluded."""


def read(folder: Path) -> Iterator[Record]:
    """Of a folder for coverage, and of those below it: each worker of a test run has one."""
    for lines in sorted({folder / LINES, *folder.glob(f"*/{LINES}")}):
        with suppress(OSError):
            for file in sorted(lines.iterdir()):
                function, _, rest = file.name.partition(".")
                kind = rest.rpartition(".")[2]
                if kind == _PYTHON:
                    yield from _python(function, _text(file)).values()
                elif kind == _NODE:
                    yield from _node(function, _text(file)).values()


def _text(file: Path) -> str:
    try:
        if not stat.S_ISREG(file.lstat().st_mode):
            return ""
        with open(os.open(file, _FLAGS), "rb") as source:
            return source.read(MOST).decode("utf-8", "surrogateescape")
    except OSError:
        return ""


def _python(function: str, text: str) -> dict[str, Record]:
    found: dict[str, Record] = {}
    for line in text.split("\n"):
        with suppress(ValueError):
            path, kind, *values = line.split("\t")
            record = found.setdefault(path, Record(function, path))
            numbers = [int(value) for value in values]
            if kind == "crc32":
                record.digest = (kind, values[0])
            elif kind == "step":
                before, now = numbers
                record.steps.add((before, now))
            elif kind == "line":
                record.lines.update(numbers)
    return found


def _node(function: str, text: str) -> dict[str, Record]:
    found: dict[str, Record] = {}
    for line in text.split("\n"):
        with suppress(ValueError, TypeError, KeyError):
            entry = json.loads(line)
            left = tuple((int(start), int(end)) for start, end in entry["left"])
            digest = ("sha256", str(entry["sha256"]))
            path = str(entry["path"])
            found[path] = Record(function, path, digest=digest, left=left)
    return found
