"""The loop of claimed work: what is claimed when, and what becomes of endings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta

import pytest

from taskdock.base.notices import Notices
from taskdock.base.timing.loop import LONGEST_PAUSE
from taskdock.tasks.work.poller import Poller
from taskdock.testing.clock import NOON, ManualClock


class Numbers(Poller[int, int]):
    """Work is a number; what a test has ended is settled, unless writing fails."""

    def __init__(self, places: int, work: Sequence[int], *, at_once: bool = False) -> None:
        super().__init__(places=places, clock=ManualClock(), notices=Notices())
        self.work = list(work)
        self.at_once = at_once
        self.begun: list[int] = []
        self.broken: set[int] = set()
        self.settled: list[int] = []
        self.kept: list[int] = []
        self.due: datetime | None = None
        self.ahead = self.idled = 0
        self.problem: Exception | None = None
        self._ends: dict[int, Callable[[int], None]] = {}

    def claim(self, now: datetime, limit: int) -> Sequence[int]:
        claimed, self.work = self.work[:limit], self.work[limit:]
        return claimed

    def begin(self, work: int, ended: Callable[[int], None]) -> None:
        if work in self.broken:
            raise RuntimeError(f"number {work}")
        self.begun.append(work)
        self._ends[work] = ended
        if self.at_once:
            ended(work)

    @contextmanager
    def settling(self, results: Sequence[int]) -> Iterator[None]:
        if self.problem is not None:
            raise self.problem
        yield
        self.settled += results

    def keep(self, result: int, problem: Exception) -> None:
        self.kept.append(result)

    def next_due(self) -> datetime | None:
        return self.due

    def bring_forward(self) -> int:
        ahead, self.ahead = self.ahead, 0
        return ahead

    def idle(self) -> None:
        self.idled += 1

    def end(self, number: int) -> None:
        self._ends[number](number)


def test_as_much_is_claimed_as_there_are_places() -> None:
    poller = Numbers(2, [1, 2, 3])

    poller.run_once()

    assert poller.begun == [1, 2]
    assert poller.is_busy


def test_the_place_of_what_has_ended_is_taken_in_the_same_turn() -> None:
    poller = Numbers(1, [1, 2])
    poller.run_once()
    poller.end(1)

    pause = poller.run_once()

    assert (poller.settled, poller.begun) == ([1], [1, 2])
    assert pause == LONGEST_PAUSE  # until it is woken by an ending


def test_work_that_ends_as_it_is_begun_is_settled_before_the_loop_pauses() -> None:
    poller = Numbers(1, [1, 2, 3], at_once=True)

    poller.run_once()

    assert poller.settled == [1, 2, 3]
    assert not poller.is_busy


def test_work_that_cannot_be_begun_keeps_no_place_and_holds_up_no_other() -> None:
    poller = Numbers(2, [1, 2, 3])
    poller.broken = {1}

    with pytest.raises(RuntimeError, match="number 1"):
        poller.run_once()
    poller.run_once()

    assert poller.begun == [2, 3]


def test_nothing_is_claimed_while_it_is_held_and_endings_are_written_all_the_same() -> None:
    poller = Numbers(2, [1, 2, 3])
    poller.run_once()
    poller._held = lambda: True
    poller.end(1)

    poller.run_once()

    assert (poller.settled, poller.begun) == ([1], [1, 2])


def test_endings_that_cannot_be_written_are_kept_one_by_one_and_hold_up_no_claim() -> None:
    poller = Numbers(2, [1, 2, 3])
    poller.run_once()
    poller.problem = OSError("the disk is full")
    poller.end(1)
    poller.end(2)

    poller.run_once()

    assert poller.kept == [1, 2]
    assert poller.begun == [1, 2, 3]


def test_a_stop_writes_what_has_ended_and_claims_no_more() -> None:
    poller = Numbers(1, [1, 2])
    poller.run_once()
    poller.end(1)

    poller.stop()

    assert (poller.settled, poller.begun) == ([1], [1])


def test_whoever_waits_for_what_runs_writes_how_it_ended() -> None:
    poller = Numbers(2, [1, 2])
    poller.run_once()
    poller.end(1)
    assert not poller.await_idle(0.0)
    poller.end(2)

    assert poller.await_idle(0.0)

    assert poller.settled == [1, 2]


@pytest.mark.parametrize(("seconds", "pause"), [(-1, 0.0), (2, 2.0), (3600, LONGEST_PAUSE)])
def test_the_loop_pauses_until_the_next_piece_of_work_is_due(seconds: int, pause: float) -> None:
    poller = Numbers(1, [])
    poller.due = NOON + timedelta(seconds=seconds)

    assert poller.run_once() == pause

    assert poller.idled == 1


def test_what_a_clock_that_was_set_back_keeps_waiting_is_brought_forward_and_looked_at() -> None:
    poller = Numbers(1, [])
    poller.due, poller.ahead = NOON + timedelta(hours=1), 1

    assert poller.run_once() == 0.0
    assert poller.run_once() == LONGEST_PAUSE


def test_a_poller_on_hold_claims_nothing_and_writes_what_has_ended() -> None:
    numbers = Numbers(2, [1, 2, 3])
    numbers.run_once()

    assert numbers.hold(1)
    numbers.end(1)
    numbers.write_ended()
    assert numbers.settled == [1]
    numbers.run_once()
    assert numbers.begun == [1, 2]

    numbers.go_on()
    numbers.run_once()
    assert numbers.begun == [1, 2, 3]
