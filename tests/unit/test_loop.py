"""A loop whose work fails goes on, and says so once."""

from __future__ import annotations

import pytest

from emulator.base.notices import Notices
from emulator.base.timing import loop
from emulator.base.timing.loop import Loop
from tests.support.builders import eventually, recorded


class Unsteady(Loop):
    name = "unsteady"

    def __init__(self, notices: Notices) -> None:
        super().__init__(notices)
        self.turns = 0

    def run_once(self) -> float:
        self.turns += 1
        if self.turns in (4, 5):
            return 0.0
        raise RuntimeError("the same" if self.turns < 8 else "another")


def test_a_failure_that_stays_the_same_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "_AFTER_FAILURE", 0.0)
    notices = Notices()
    told = recorded(notices)
    unsteady = Unsteady(notices)

    unsteady.start()
    eventually(lambda: unsteady.turns > 20)
    unsteady.stop()

    same, another = ("RuntimeError('the same')", "RuntimeError('another')")
    assert told == [
        ("loop_failed", {"loop": "unsteady", "error": error}) for error in (same, same, another)
    ]
