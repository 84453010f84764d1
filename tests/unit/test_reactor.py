"""The reactor: what other threads may ask of it, and what becomes of them when it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from threading import Event

import pytest

from taskdock.base.timing.reactor import Reactor


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    reactor = Reactor()
    reactor.start()
    yield reactor
    reactor.stop()


async def answer() -> int:
    return 42


def test_another_thread_gets_what_work_returns(reactor: Reactor) -> None:
    assert reactor.run(answer()) == 42


def test_work_before_the_start_is_refused_and_not_waited_for() -> None:
    reactor = Reactor()

    with pytest.raises(RuntimeError):
        reactor.run(answer())

    reactor.stop()


def test_work_after_the_end_is_refused_and_not_waited_for(reactor: Reactor) -> None:
    reactor.stop()

    with pytest.raises(RuntimeError):
        reactor.run(answer())


def test_a_call_says_whether_it_comes_too_late(reactor: Reactor) -> None:
    called = Event()
    assert reactor.call(called.set)
    assert called.wait(30)

    reactor.stop()

    assert not reactor.call(called.clear)
    assert called.is_set()


def test_the_reactor_does_not_wait_for_itself(reactor: Reactor) -> None:
    async def ask() -> int:
        return reactor.run(answer())

    with pytest.raises(RuntimeError):
        reactor.run(ask())


def test_who_waits_when_it_ends_waits_no_more(reactor: Reactor) -> None:
    begun = Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    with ThreadPoolExecutor() as executor:
        waiting = executor.submit(reactor.run, work())
        begun.wait()
        reactor.stop()

        with pytest.raises(CancelledError):
            waiting.result(10)


def test_what_is_asked_of_it_while_it_ends_keeps_nobody_waiting() -> None:
    reactor = Reactor()
    reactor.start()
    ended: list[BaseException] = []

    def ask_on() -> None:
        while not ended:
            try:
                reactor.run(answer())
            except (RuntimeError, CancelledError) as error:
                ended.append(error)

    with ThreadPoolExecutor() as executor:
        asking = [executor.submit(ask_on) for _ in range(4)]
        reactor.stop()
        for each in asking:
            each.result(10)

    assert ended


def test_stopping_one_that_never_ran_or_has_ended_is_harmless(reactor: Reactor) -> None:
    Reactor().stop()
    reactor.stop()
    reactor.stop()
