"""A loop whose work fails goes on, whatever its clock says, and says so once."""

from __future__ import annotations

import time

from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock
from taskdock.base.timing.loop import Loop
from taskdock.testing.clock import ManualClock
from taskdock.testing.waiting import eventually
from tests.support.builders import recorded


class Unsteady(Loop):
    name = "unsteady"

    def __init__(self, clock: Clock, notices: Notices) -> None:
        super().__init__(clock, notices, after_failure=0.001)
        self.turns = 0

    def run_once(self) -> float:
        self.turns += 1
        if self.turns in (4, 5):
            return 0.0
        raise RuntimeError("the same" if self.turns < 8 else "another")


def test_a_failure_that_stays_the_same_is_told_once() -> None:
    clock = ManualClock()  # it stands still
    notices = Notices()
    told = recorded(notices)
    unsteady = Unsteady(clock, notices)

    unsteady.start()
    eventually(lambda: unsteady.turns > 20)
    unsteady.stop()

    same, another = ("RuntimeError('the same')", "RuntimeError('another')")
    assert told == [
        ("loop_failed", {"loop": "unsteady", "error": error}) for error in (same, same, another)
    ]


class LateToBegin(Loop):
    """The machine gives its thread no time at first."""

    turns = 0

    def _run(self) -> None:
        time.sleep(0.1)
        super()._run()

    def run_once(self) -> float:
        self.turns += 1
        return 5.0


def test_a_clock_that_is_moved_right_after_the_start_knows_the_loop() -> None:
    clock = ManualClock()
    late = LateToBegin(clock, Notices())

    late.start()
    clock.jump(5)
    turns = late.turns
    late.stop()

    assert turns >= 1
