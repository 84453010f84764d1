"""The sentences of a clock that cannot go on, or may not go back. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from taskdock.base.timing.clock import to_iso
from taskdock.tasks.agenda.agenda import Due

TICKS = 'the clock ticks by itself; switch it to the mode "manual" or "auto" before it is moved'


def set_back(moment: datetime, now: datetime) -> str:
    return (
        f"{to_iso(moment)} has passed: it is {to_iso(now)}, and time never goes back, because"
        " tasks, tokens and logs have times already; a new server begins at the time of the machine"
    )


def stands_still(what: str, now: datetime, due: Sequence[Due]) -> str:
    return (
        f"{what} cannot come to its end: the clock stands still at {to_iso(now)} and nothing runs;"
        f" {due_when(due, now)}. Move the clock (advance, move to, run until idle), or have it move"
        " by itself in mode auto"
    )


def runs_on(moments: int, now: datetime, due: Sequence[Due]) -> str:
    return (
        f"the clock has stopped at {to_iso(now)} after {moments} due moments in one move, and work"
        f" is due again and again ({due_when(due, now)}): does a task queue itself for ever? Move"
        " the clock again to go on"
    )


def due_when(due: Sequence[Due], now: datetime, shown: int = 5) -> str:
    """The first of what is due, with the time until then."""
    if not due:
        return "nothing is due at any time"
    first = ", ".join(_line(each, now) for each in due[:shown])
    return f"due next: {first}{', and more' if len(due) > shown else ''}"


def _line(due: Due, now: datetime) -> str:
    of = f" of {due.function_name}" if due.function_name else ""
    return f"{due.kind} {due.id}{of} in {(due.at - now).total_seconds():g} s"
