"""The time bar of a run: how its time went, as pieces of a line. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

LENGTH = 1000.0
"""The length of a whole bar, in units of the drawing."""
_LEAST = 4.0  # units of a piece that took any time, so that it is seen


@dataclass(frozen=True)
class Segment:
    name: str
    key: str
    """The name of its colour."""
    milliseconds: float
    start: float
    length: float


def bar(run: Mapping[str, Any], *, due: datetime | None, began: datetime) -> list[Segment]:
    """The pieces of a run (`RunJson`) that have taken any time. `due`: when its task could have
    begun; `began`: when it did."""
    queued = 0.0 if due is None else (began - due).total_seconds() * 1000
    init, waited = run.get("init") or 0.0, run.get("waited") or 0.0
    times = [
        ("Queued", "queued", queued),
        ("Waiting for an environment", "waiting", waited - init),
        ("Init", "init", init),
        ("Handler", "handler", run.get("duration") or 0.0),
        ("Rest of the log", "log", run.get("settled") or 0.0),
    ]
    return _laid_out([(name, key, time) for name, key, time in times if time > 0])


def _laid_out(times: list[tuple[str, str, float]]) -> list[Segment]:
    whole = sum(time for _, _, time in times)
    room = LENGTH - _LEAST * len(times)
    pieces, at = [], 0.0
    for name, key, time in times:
        length = round(_LEAST + room * time / whole, 1)
        pieces.append(Segment(name, key, time, round(at, 1), length))
        at += length
    return pieces
