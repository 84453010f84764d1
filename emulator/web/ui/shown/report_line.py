"""The facts of a run that only its log has: the line REPORT says how long the init took. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

_TEXT = re.compile(r"REPORT RequestId: .*\tInit Duration: ([0-9.]+) ms")


def init_duration(log: Sequence[str]) -> float | None:
    """Milliseconds that the init took; None: there was none for this run. A function may print such
    a line itself, so that only the last one counts, which is Lambda's."""
    for line in reversed(log):
        if line.startswith("REPORT "):
            found = _TEXT.match(line)
            return float(found[1]) if found else None
        if '"platform.report"' in line:
            return _of_json(line)
    return None


def _of_json(line: str) -> float | None:
    try:
        taken = json.loads(line)["record"]["metrics"]["initDurationMs"]
    except (ValueError, KeyError, TypeError):
        return None
    return float(taken) if isinstance(taken, int | float) else None
