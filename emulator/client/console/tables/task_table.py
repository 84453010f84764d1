"""The table of tasks: its columns, and the row of a task. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from taskdock.client.console.tables import values
from taskdock.client.console.tables.layout import Cell, Column, Fit

COLUMNS = (
    Column("Id", fit=Fit.WHOLE),
    Column("Function"),
    Column("Status", fit=Fit.WHOLE),
    Column("Priority", "Prio", rank=4, fit=Fit.WHOLE, right=True),
    Column("Start (UTC)", rank=2, fit=Fit.WHOLE),
    Column("Duration", "Took", rank=1, fit=Fit.WHOLE, right=True),
    Column("Attempt", "Try", rank=3, fit=Fit.WHOLE, right=True),
    Column("Tags", rank=6, fit=Fit.END),
    Column("Error", rank=5, fit=Fit.BELOW),
)


def row(task: Mapping[str, Any], *, milliseconds: float | None, now: datetime) -> Sequence[Cell]:
    """`milliseconds`: how long the task's run took, where that is known. `now`: the time of the
    service. A task in progress has run for the time since its status changed."""
    return [
        Cell(task["id"]),
        Cell(task["functionName"]),
        values.status(task["status"]),
        Cell(str(task.get("priority", ""))),
        values.moment(task.get("startTimestamp"), f"{now:%Y-%m-%d}"),
        values.duration(_seconds(task, milliseconds, now)),
        Cell(str(len(task.get("retryForTaskIds") or ()) + 1)),
        Cell(", ".join(task.get("tags") or ())),
        values.error(task.get("error")),
    ]


def _seconds(task: Mapping[str, Any], milliseconds: float | None, now: datetime) -> float | None:
    if milliseconds is not None:
        return milliseconds / 1000
    if task["status"] != "inProgress":
        return None
    began = datetime.fromisoformat(str(task["statusChangedTimestamp"]).replace("Z", "+00:00"))
    return max((now - began).total_seconds(), 0.0)
