"""Draws the two state tables as Mermaid charts, into docs/architecture.md (`make docs`)."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Any

from taskdock.lambdas import lifecycle
from taskdock.tasks.model import task

DOCUMENT = Path(__file__).with_name("architecture.md")


def chart(table: Mapping[Any, Mapping[Any, Any]], first: Enum) -> str:
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {first.value}"]
    for state, moves in table.items():
        for target in dict.fromkeys(moves.values()):
            by = ", ".join(move.value for move, to in moves.items() if to is target)
            lines.append(f"    {state.value} --> {target.value}: {by}")
        if not moves:
            lines.append(f"    {state.value} --> [*]")
    return "\n".join([*lines, "```"])


def drawn(text: str) -> str:
    """The document with its charts as the tables are now."""
    charts = {
        "environment": chart(lifecycle.TABLE, lifecycle.State.STARTING),
        "task": chart(task.TABLE, task.Status.NEW),
    }
    for name, picture in charts.items():
        between = re.compile(f"(<!-- {name} -->\n).*?(\n<!-- /{name} -->)", re.DOTALL)
        text, found = between.subn(lambda m, p=picture: m[1] + p + m[2], text)
        if found != 1:
            sys.exit(f"{DOCUMENT} has no single place for the chart '{name}'")
    return text


if __name__ == "__main__":
    DOCUMENT.write_text(drawn(DOCUMENT.read_text()))
