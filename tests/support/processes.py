"""Processes of this machine, by what is in their command lines."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path


def with_word(word: str) -> dict[int, str]:
    """The command lines that have `word` anywhere, by process id. A NUL ends each argument."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (process / "cmdline").read_bytes().decode(errors="replace")
            if word in words:
                found[int(process.name)] = words
    return found
