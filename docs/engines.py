"""Writes what tests have seen of engines and surroundings into docs/engines.md (`make engines`).

A row that no test has seen since keeps what it had.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tests.engines.rows import ROWS, Seen, results

DOCUMENT = Path(__file__).with_name("engines.md")
HEAD = (
    "| row | engine | surrounding | seen | by |",
    "| --- | --- | --- | --- | --- |",
)
NEVER = Seen("", "not run yet")

_BETWEEN = re.compile(r"(<!-- table -->\n).*?(<!-- /table -->)", re.DOTALL)
_ROW = re.compile(r"^\| ([^|]+) \| ([^|]*) \| [^|]* \| ([^|]*) \| `[^|]*` \|$", re.MULTILINE)


def kept(text: str) -> dict[str, Seen]:
    """What the document's table says, by row."""
    rows = _ROW.findall(text)
    return {name: Seen(engine.strip(), what.strip()) for name, engine, what in rows}


def written(text: str, seen: dict[str, Seen]) -> str:
    """The document with all rows, those of `seen` as they were seen."""
    known = {**kept(text), **seen}
    lines = [
        f"| {name} | {found.engine} | {row.surrounding} | {found.what} | `{row.command}` |"
        for name, row in ROWS.items()
        for found in [known.get(name, NEVER)]
    ]
    table = "\n".join([*HEAD, *lines, ""])
    text, places = _BETWEEN.subn(lambda found: found[1] + table + found[2], text)
    if places != 1:
        sys.exit(f"{DOCUMENT} has no single place for its table")
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text(), results()))
