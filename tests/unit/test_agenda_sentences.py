"""What is due when, as people read it."""

from __future__ import annotations

from datetime import timedelta

from taskdock.tasks.agenda import sentences
from taskdock.tasks.agenda.agenda import Due, Look, Work
from taskdock.testing.clock import NOON


def due(seconds: float, kind: str = "task", function: str | None = "saw") -> Due:
    at = NOON + timedelta(seconds=seconds)
    return Due(at=at, kind=kind, function_name=function, id=f"{kind}-1")


def test_each_has_its_kind_its_function_and_the_time_until_then() -> None:
    said = sentences.due_when([due(0.5), due(3600, "delivery", None)], NOON)

    assert said == "due next: task task-1 of saw in 0.5 s, delivery delivery-1 in 3600 s"


def test_a_long_agenda_is_cut() -> None:
    said = sentences.due_when([due(number) for number in range(9)], NOON, shown=2)

    assert said == "due next: task task-1 of saw in 0 s, task task-1 of saw in 1 s, and more"


def test_an_empty_agenda_is_said() -> None:
    assert "nothing is due at any time" in sentences.stands_still("the task", NOON, [])


def test_an_agenda_is_idle_with_nothing_but_schedules() -> None:
    later = NOON + timedelta(seconds=1)

    assert Look(0, False, {}).is_idle
    assert Look(0, False, {Work.SCHEDULE: later}).is_idle
    assert not Look(0, False, {Work.SCHEDULE: later, Work.EVENT: later}).is_idle


def test_an_agenda_is_busy_with_what_runs_or_is_due() -> None:
    later = NOON + timedelta(milliseconds=1)

    assert Look(1, False, {}).is_busy(NOON)
    assert Look(0, False, {Work.TASK: NOON}).is_busy(NOON)
    assert not Look(0, False, {Work.TASK: later}).is_busy(NOON)
    assert Look(0, False, {Work.TASK: later}).due(later) == [Work.TASK]


def test_runs_are_made_until_the_last_is_written() -> None:
    assert Look(1, True, {}).makes_runs(NOON)
    assert Look(0, False, {Work.SCHEDULE: NOON}).makes_runs(NOON)
    assert not Look(5, False, {Work.TASK: NOON}).makes_runs(NOON)
