"""Report of an examination: lines for people, and JSON for programs. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from taskdock.server.doctor.judges.finding import CheckStatus, Finding

_WIDTH = 12  # characters of the longest name of a check


class Signs(NamedTuple):
    status: Mapping[CheckStatus, str]
    remedy: str


UNICODE = Signs(
    {
        CheckStatus.OK: "✓",
        CheckStatus.DEGRADED: "!",
        CheckStatus.BROKEN: "✗",
        CheckStatus.UNCHECKED: "-",
    },
    "→",
)
ASCII = Signs(
    {
        CheckStatus.OK: "+",
        CheckStatus.DEGRADED: "!",
        CheckStatus.BROKEN: "x",
        CheckStatus.UNCHECKED: "-",
    },
    "->",
)
COLOURS = {CheckStatus.OK: "green", CheckStatus.DEGRADED: "yellow", CheckStatus.BROKEN: "red"}


def signs(encoding: str, environment: Mapping[str, str]) -> Signs:
    """The signs that a terminal with this `encoding` can show.

    The locale C means a terminal without Unicode, although Python uses UTF-8 there.
    """
    locale = next(
        (environment[name] for name in ("LC_ALL", "LC_CTYPE", "LANG") if environment.get(name)), ""
    )
    if locale in ("C", "POSIX") and not environment.get("PYTHONIOENCODING"):
        return ASCII
    try:
        "✓✗→".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def lines(name: str, finding: Finding, signs: Signs) -> list[str]:
    """The lines of one finding: sign, name and measurement; below them details and remedies."""
    first, *details = finding.measured.splitlines() or [""]
    indent = " " * (_WIDTH + 4)
    return [
        f"{signs.status[finding.status]} {name.ljust(_WIDTH)}  {first}",
        *(f"{indent}{detail}" for detail in details),
        *(f"{indent}{signs.remedy} {remedy}" for remedy in finding.remedies),
    ]


def summary(found: Mapping[str, Finding]) -> str:
    named = {
        status: [name for name, finding in found.items() if finding.status is status]
        for status in CheckStatus
    }
    if named[CheckStatus.BROKEN]:
        return f"broken: {', '.join(named[CheckStatus.BROKEN])}"
    if named[CheckStatus.DEGRADED]:
        return f"functions run; degraded: {', '.join(named[CheckStatus.DEGRADED])}"
    return "all is well"


def document(name: str, finding: Finding) -> dict[str, Any]:
    return {
        "name": name,
        "status": finding.status.value,
        "measured": finding.measured,
        "remedies": list(finding.remedies),
    }


def is_well(found: Mapping[str, Finding]) -> bool:
    """Whether no finding is broken."""
    return all(finding.status is not CheckStatus.BROKEN for finding in found.values())
