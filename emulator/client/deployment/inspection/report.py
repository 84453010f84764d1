"""Findings as lines of text: what is wrong and where, then what to type."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from taskdock.client.deployment.inspection.finding import PackageFinding


def lines(finding: PackageFinding, function: str, code: Path | None) -> list[str]:
    """One line, or two with a remedy. `code`: the folder of the function's code, so that a file is
    named as the reader finds it."""
    said = [f"warning: {function}: {described(finding, code)}"]
    return said if finding.remedy is None else [*said, f"  {finding.remedy}"]


def described(finding: PackageFinding, code: Path | None) -> str:
    """The place and the message."""
    place = _place(finding, code)
    return f"{place}: {finding.message}" if place else finding.message


def document(finding: PackageFinding, function: str, code: Path | None) -> dict[str, Any]:
    """The finding as JSON, for programs."""
    return {
        "function": function,
        "kind": finding.kind,
        "message": finding.message,
        "file": None if finding.file is None else os.path.normpath((code or Path()) / finding.file),
        "line": finding.line,
        "remedy": finding.remedy,
    }


def _place(finding: PackageFinding, code: Path | None) -> str:
    if finding.place is None or code is None:
        return finding.place or ""
    return os.path.normpath(code / finding.place)
