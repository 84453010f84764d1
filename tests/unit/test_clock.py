"""The clock that tests move: who waits by it, what is due, and when it says so."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.base.timing.loop import Loop
from taskdock.base.timing.reactor import Reactor
from taskdock.base.timing.signal import Signal
from taskdock.testing.clock import NOON, ManualClock
from taskdock.testing.waiting import eventually


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def reactor(clock: ManualClock) -> Iterator[Reactor]:
    reactor = Reactor(clock)
    reactor.start()
    yield reactor
    reactor.stop()


class Every(Loop):
    """Takes note of the time, every so many seconds."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__(clock, Notices())
        self._seconds = seconds
        self.turns: list[float] = []

    def run_once(self) -> float:
        self.turns.append(self._clock.monotonic())
        return self._seconds


@pytest.fixture
def minutely(clock: ManualClock) -> Iterator[Every]:
    loop = Every(clock, 60.0)
    loop.start()
    eventually(lambda: loop.turns)
    yield loop
    loop.stop()


def call_later(reactor: Reactor, seconds: float, called: list[str], name: str) -> None:
    async def begin() -> None:
        reactor.call_later(seconds, called.append, name)

    reactor.run(begin())


def test_time_passes_when_it_is_told_to_and_by_as_much(clock: ManualClock) -> None:
    clock.jump(1.5)

    assert (clock.now(), clock.monotonic()) == (NOON + timedelta(seconds=1.5), 1.5)


def test_many_small_steps_are_as_long_as_a_large_one(clock: ManualClock, minutely: Every) -> None:
    for _ in range(600):
        clock.jump(0.1)

    assert clock.monotonic() == 60.0
    assert minutely.turns == [0.0, 60.0]


def test_a_clock_that_is_set_by_hand_wakes_nobody(clock: ManualClock, minutely: Every) -> None:
    clock.settle()
    clock.set(NOON + timedelta(days=1))
    clock.settle()

    assert clock.monotonic() == 0.0
    assert minutely.turns == [0.0]


def test_a_loop_has_done_what_was_due_when_the_clock_has_moved(
    clock: ManualClock, minutely: Every
) -> None:
    for minute in range(1, 100):
        clock.jump(60)
        assert minutely.turns[-1] == minute * 60.0

    assert len(minutely.turns) == 100


def test_a_loop_that_is_not_due_does_nothing(clock: ManualClock, minutely: Every) -> None:
    clock.jump(59.999)

    assert minutely.turns == [0.0]


def test_a_jump_over_many_pauses_is_one_turn(clock: ManualClock, minutely: Every) -> None:
    clock.jump(3600)

    assert minutely.turns == [0.0, 3600.0]


def test_a_loop_that_another_one_wakes_has_had_its_turn_too(
    clock: ManualClock, minutely: Every
) -> None:
    class Waking(Every):
        def run_once(self) -> float:
            minutely.wake()
            return super().run_once()

    other = Waking(clock, 10.0)
    other.start()
    clock.settle()
    before = len(minutely.turns)

    clock.jump(10)

    assert len(minutely.turns) == before + 1
    other.stop()


def test_a_loop_that_is_woken_does_not_wait_for_the_clock(
    clock: ManualClock, minutely: Every
) -> None:
    minutely.wake()

    eventually(lambda: len(minutely.turns) == 2)
    assert clock.monotonic() == 0.0


def test_a_loop_that_has_stopped_is_not_waited_for(clock: ManualClock, minutely: Every) -> None:
    minutely.stop()

    clock.jump(60)

    assert minutely.turns == [0.0]


def test_a_thread_that_does_not_wait_again_is_named() -> None:
    clock, gate = ManualClock(limit=0.05), threading.Event()

    class Stuck(Every):
        name = "stuck"

        def run_once(self) -> float:
            if self.turns:
                gate.wait()
            return super().run_once()

    stuck = Stuck(clock, 1.0)
    stuck.start()
    eventually(lambda: stuck.turns)

    with pytest.raises(TimeoutError, match="stuck"):
        clock.jump(1)

    gate.set()
    stuck.stop()


@pytest.mark.parametrize("make", [ManualClock, SystemClock])
def test_a_wait_says_whether_the_event_is_set(make: type[ManualClock | SystemClock]) -> None:
    event, clock = Signal(), make()

    assert clock.wait(event, 0.0) is False
    event.set()
    assert clock.wait(event, 0.0) is True
    assert clock.wait(event, 3600.0) is True


def test_a_wait_that_the_clock_ends_leaves_the_event_as_it_is(clock: ManualClock) -> None:
    event, found = Signal(), []
    thread = threading.Thread(target=lambda: found.append(clock.wait(event, 10.0)))
    thread.start()
    eventually(lambda: thread in clock.waiting)

    clock.jump(10)

    thread.join(30)
    assert found == [False]
    assert not event.is_set()


def test_timers_are_called_on_the_thread_of_their_loop_in_the_order_of_their_times(
    clock: ManualClock, reactor: Reactor
) -> None:
    called: list[str] = []
    for seconds in (3, 1, 2):
        call_later(reactor, seconds, called, f"{seconds}")
    call_later(reactor, 2, called, "2, begun later")
    call_later(reactor, 4, called, "4")

    clock.jump(3)

    assert called == ["1", "2", "2, begun later", "3"]


def test_a_timer_that_begins_another_sees_its_own_time(
    clock: ManualClock, reactor: Reactor
) -> None:
    called: list[float] = []

    def again() -> None:
        called.append(clock.monotonic())
        reactor.call_later(10, again)

    async def begin() -> None:
        reactor.call_later(10, again)

    reactor.run(begin())
    clock.jump(35)

    assert called == [10.0, 20.0, 30.0]


def test_a_cancelled_timer_is_not_called(clock: ManualClock, reactor: Reactor) -> None:
    called: list[str] = []

    async def begin() -> None:
        reactor.call_later(1, called.append, "never").cancel()

    reactor.run(begin())
    clock.jump(1)

    assert called == []


def test_a_timer_of_a_loop_that_is_closed_holds_nobody_up(
    clock: ManualClock, reactor: Reactor
) -> None:
    called: list[str] = []
    call_later(reactor, 1, called, "never")
    reactor.stop()

    clock.jump(1)

    assert called == []


def test_a_loop_of_the_caller_s_own_may_be_moved_from_inside(clock: ManualClock) -> None:
    called: list[str] = []

    async def work() -> None:
        clock.call_later(asyncio.get_running_loop(), 1, called.append, "called")
        clock.jump(1)

    asyncio.run(work())

    assert called == ["called"]


def test_the_timers_of_a_reactor_without_a_clock_are_real() -> None:
    reactor, called = Reactor(), threading.Event()
    reactor.start()

    async def begin() -> None:
        reactor.call_later(0.001, called.set)

    reactor.run(begin())

    assert called.wait(30)
    reactor.stop()
