"""Verdicts on observations, and the table in Markdown. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

LONGEST = 200  # characters of a text in the table; the raw results have all of it


class Verdict(str, Enum):
    RIGHT = "right"
    SAME_JSON = "the same JSON in other bytes"
    DIFFERS = "differs"
    NOT_APPLICABLE = "n.a."


@dataclass(frozen=True)
class Finding:
    """One row of one case: AWS's answer and, by contender, what was seen; None: does not apply."""

    case: str
    what: str
    aws: str
    grade: str
    seen: Mapping[str, str | None]


def verdict(finding: Finding, contender: str) -> Verdict:
    seen = finding.seen[contender]
    if seen is None:
        return Verdict.NOT_APPLICABLE
    if seen == finding.aws:
        return Verdict.RIGHT
    return Verdict.SAME_JSON if _same_json(seen, finding.aws) else Verdict.DIFFERS


def _same_json(one: str, other: str) -> bool:
    """Whether both are JSON objects, and equal but for spacing and the order of keys."""
    try:
        found = json.loads(one), json.loads(other)
    except ValueError:
        return False
    return isinstance(found[0], dict) and found[0] == found[1]


def markdown(findings: Sequence[Finding], contenders: Sequence[str]) -> str:
    """The totals, and a row for each finding; a case's title stands in its first row only."""
    head = ["Case", "Looked at", "AWS", "", *contenders]
    lines = [_line(head), _line(["---"] * len(head))]
    previous = ""
    for finding in findings:
        case = finding.case if finding.case != previous else ""
        previous = finding.case
        cells = [_cell(finding, contender) for contender in contenders]
        lines.append(_line([case, finding.what, code(finding.aws), finding.grade, *cells]))
    return "\n".join([_totals(findings, contenders), "", *lines])


def code(text: str) -> str:
    """A text to be read literally, on one line, cut when it is long."""
    flat = re.sub(r"\s*[\r\n]\s*", " ", text).replace("`", "'").replace("|", "\\|").strip()
    flat = flat if len(flat) <= LONGEST else f"{flat[:LONGEST]}..."
    return f"`{flat}`" if flat else "nothing"


def _cell(finding: Finding, contender: str) -> str:
    match verdict(finding, contender):
        case Verdict.RIGHT:
            return "✓"
        case Verdict.NOT_APPLICABLE:
            return "n.a."
        case Verdict.SAME_JSON:
            return f"≈ {code(finding.seen[contender] or '')}"
        case Verdict.DIFFERS:
            return f"✗ {code(finding.seen[contender] or '')}"


def _totals(findings: Sequence[Finding], contenders: Sequence[str]) -> str:
    lines = [_line(["", *contenders]), _line(["---"] * (len(contenders) + 1))]
    for kind in Verdict:
        counts = [sum(verdict(f, name) is kind for f in findings) for name in contenders]
        lines.append(_line([kind.value, *map(str, counts)]))
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
