"""When the engine is asked whether it answers, and when it counts as well again."""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Thread

import pytest

from taskdock.base.errors import EngineUnreachable
from taskdock.base.health import Health
from taskdock.base.notices import Notices
from taskdock.base.timing.loop import LONGEST_PAUSE
from taskdock.engines.watch import EngineWatch
from taskdock.testing.clock import ManualClock


@dataclass
class Asked:
    """The part of an engine that is asked, and what it says."""

    fault: str | None = None
    memory: int = 0
    times: list[str | None] = field(default_factory=list)

    def answers(self) -> str | None:
        self.times.append(self.fault)
        return self.fault


class Watched:
    def __init__(self) -> None:
        self.clock, self.engine, notices = ManualClock(), Asked(), Notices()
        self.health = Health(clock=self.clock, notices=notices)
        self.watch = EngineWatch(
            engine=self.engine,  # type: ignore[arg-type]
            health=self.health,
            notices=notices,
            clock=self.clock,
        )

    @property
    def reasons(self) -> list[str]:
        return [trouble.reason for trouble in self.health.troubles()]


@pytest.fixture
def watched() -> Watched:
    return Watched()


def test_an_engine_of_which_nothing_is_wanted_is_not_asked(watched: Watched) -> None:
    assert watched.watch.run_once() == LONGEST_PAUSE

    assert watched.engine.times == []


def test_one_that_failed_and_answers_is_well_at_once(watched: Watched) -> None:
    watched.watch.failed("it broke")
    assert watched.reasons[0].startswith("it broke. ")
    watched.watch.check()  # nobody is refused for it: perhaps it works by now

    watched.watch.run_once()

    assert (watched.watch.trouble, watched.reasons) == (None, [])


def test_one_that_does_not_answer_is_asked_until_it_does_and_nothing_is_begun(
    watched: Watched,
) -> None:
    watched.engine.fault = "no such socket"
    watched.watch.failed("it broke")

    pauses = [watched.watch.run_once() for _ in range(3)]

    assert max(pauses) < 1.0
    with pytest.raises(EngineUnreachable, match="no such socket"):
        watched.watch.check()
    watched.engine.fault = None
    watched.watch.run_once()
    watched.watch.check()
    assert watched.watch.trouble is None


def test_one_that_answers_and_fails_again_and_again_is_given_longer_and_longer_rests(
    watched: Watched,
) -> None:
    rests = []
    for _ in range(9):
        watched.watch.failed("no space left on device")
        rest = 0.0
        while watched.watch.run_once() and watched.watch.trouble is not None:
            watched.clock.jump(0.5)
            rest += 0.5
        rests.append(rest)

    assert rests == [0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]


def test_an_earlier_fault_is_forgotten(watched: Watched) -> None:
    for _ in range(2):
        watched.watch.failed("it broke")
        watched.clock.jump(100)
        watched.watch.run_once()
    watched.clock.jump(100)

    watched.watch.failed("it broke")
    watched.watch.run_once()

    assert watched.watch.trouble is None


def test_a_start_that_succeeds_ends_the_trouble(watched: Watched) -> None:
    watched.engine.fault = "it takes too long"
    watched.watch.failed("it broke")
    watched.watch.run_once()

    watched.watch.worked()

    watched.watch.check()
    assert (watched.watch.trouble, watched.reasons) == (None, [])


def test_an_end_that_comes_while_a_fault_is_told_is_told_behind_it(
    watched: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = watched.health.report
    start = Thread(target=watched.watch.worked)

    def report_late(*arguments: str) -> None:
        start.start()
        start.join(0.3)  # it may be through before this is told
        report(*arguments)

    monkeypatch.setattr(watched.health, "report", report_late)

    watched.watch.failed("it broke")
    start.join()

    assert watched.watch.trouble is None
    assert watched.reasons == []
