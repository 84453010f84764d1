"""The clock that tests move: who waits by it, what is due, and when it says so."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from taskdock.base.notices import Notices
from taskdock.base.timing.clock import Clock, SystemClock
from taskdock.base.timing.harness_clock import HarnessClock, Mode
from taskdock.base.timing.loop import Loop
from taskdock.base.timing.reactor import Reactor
from taskdock.base.timing.signal import Signal
from taskdock.testing.clock import NOON, ManualClock
from taskdock.testing.waiting import eventually
from tests.support.builders import LIMIT


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


# Modes


def test_a_clock_in_mode_real_ticks_with_the_machine() -> None:
    clock = HarnessClock(Mode.REAL)
    before = (clock.now(), clock.monotonic())

    eventually(lambda: clock.monotonic() > before[1] and clock.now() > before[0])
    assert abs((clock.now() - SystemClock().now()).total_seconds()) < LIMIT


def test_a_change_of_mode_moves_a_clock_by_nothing(clock: ManualClock) -> None:
    clock.jump(100)
    still = (clock.now(), clock.monotonic())

    clock.mode = Mode.REAL
    ticking = (clock.now(), clock.monotonic())
    clock.mode = Mode.MANUAL
    stopped = (clock.now(), clock.monotonic())

    assert still <= ticking <= stopped
    assert stopped[0] - still[0] < timedelta(seconds=LIMIT)
    assert (clock.now(), clock.monotonic()) == stopped


def test_a_thread_that_waits_goes_on_in_real_time_once_the_clock_ticks(
    clock: ManualClock, minutely: Every
) -> None:
    clock.settle()
    clock.jump(59.95)

    clock.mode = Mode.REAL

    eventually(lambda: len(minutely.turns) == 2)
    assert minutely.turns[1] >= 60.0


def test_a_thread_that_waits_in_real_time_stops_with_the_clock() -> None:
    clock = HarnessClock(Mode.REAL)
    loop = Every(clock, 0.2)
    loop.start()
    eventually(lambda: loop.turns)

    clock.mode = Mode.MANUAL
    clock.settle()
    seen = len(loop.turns)
    passed = clock.monotonic()
    clock.jump(0.2)

    assert clock.monotonic() == pytest.approx(passed + 0.2)
    assert len(loop.turns) == seen + 1
    loop.stop()


def test_a_timer_is_called_in_real_time_once_the_clock_ticks(
    clock: ManualClock, reactor: Reactor
) -> None:
    called: list[str] = []
    call_later(reactor, 0.05, called, "called")
    call_later(reactor, 3600, called, "never")

    clock.mode = Mode.REAL

    eventually(lambda: called == ["called"])


def test_a_timer_in_real_time_stops_with_the_clock_and_comes_when_that_is_moved(
    reactor: Reactor,
) -> None:
    clock, called = HarnessClock(Mode.REAL), []

    async def begin() -> None:
        clock.call_later(reactor.loop, 0.05, called.append, "called")
        clock.mode = Mode.AUTO

    async def later() -> None:
        await asyncio.sleep(0.1)

    reactor.run(begin())
    reactor.run(later())  # the machine's timer comes meanwhile
    before = list(called)
    clock.jump(0.05)

    assert (before, called) == ([], ["called"])


def test_a_move_returns_at_once_and_wakes_whoever_is_due(
    clock: ManualClock, minutely: Every
) -> None:
    clock.settle()

    clock.move_to(NOON + timedelta(seconds=60))

    eventually(lambda: minutely.turns == [0.0, 60.0])


def test_nobody_hears_of_a_quiet_move_until_it_is_announced(
    clock: ManualClock, minutely: Every, reactor: Reactor
) -> None:
    called: list[str] = []
    call_later(reactor, 30, called, "called")
    clock.settle()

    for minute in range(1, 11):
        clock.move_to(NOON + timedelta(minutes=minute), quietly=True)
    quiet = (list(minutely.turns), list(called))
    clock.announce()

    eventually(lambda: minutely.turns == [0.0, 600.0] and called == ["called"])
    assert quiet == ([0.0], [])


def test_a_clock_is_not_moved_back(clock: ManualClock) -> None:
    clock.jump(1)

    with pytest.raises(ValueError, match="has passed"):
        clock.move_to(NOON)

    assert clock.now() == NOON + timedelta(seconds=1)


def test_cancelled_timers_are_forgotten(clock: ManualClock, reactor: Reactor) -> None:
    async def begin() -> None:
        for _ in range(1000):
            reactor.call_later(3600, print).cancel()

    reactor.run(begin())

    assert clock._timers.due(timedelta.max) == []
