from __future__ import annotations

import asyncio
from typing import Any

import pytest

from taskdock.base.health import Health, Trouble
from taskdock.base.notices import Notices
from taskdock.base.timing.limits import Limits
from taskdock.testing.clock import ManualClock
from tests.support.builders import recorded


@pytest.fixture
def notices() -> Notices:
    return Notices()


@pytest.fixture
def told(notices: Notices) -> list[tuple[str, dict[str, Any]]]:
    return recorded(notices)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def health(notices: Notices, clock: ManualClock) -> Health:
    return Health(clock=clock, notices=notices)


def test_a_trouble_has_its_reason_and_since_when(health: Health, clock: ManualClock) -> None:
    health.report("engine", "it does not answer")
    assert health.troubles() == [Trouble("engine", "it does not answer", clock.now(), False)]


def test_what_is_reported_again_is_told_once(
    health: Health, told: list[tuple[str, dict[str, Any]]], clock: ManualClock
) -> None:
    for _ in range(3):
        health.report("engine", "it does not answer")
        clock.jump(1)
    assert told == [("trouble_began", {"what": "engine", "reason": "it does not answer"})]


def test_another_reason_is_told_and_began_when_the_trouble_did(
    health: Health, told: list[tuple[str, dict[str, Any]]], clock: ManualClock
) -> None:
    began = clock.now()
    health.report("engine", "it does not answer")
    clock.jump(60)
    health.report("engine", "it refuses us")
    assert [facts["reason"] for _, facts in told] == ["it does not answer", "it refuses us"]
    assert health.troubles() == [Trouble("engine", "it refuses us", began, False)]


def test_what_is_cleared_is_told_once_and_can_begin_again(
    health: Health, told: list[tuple[str, dict[str, Any]]]
) -> None:
    health.report("engine", "it does not answer")
    health.clear("engine")
    health.clear("engine")
    health.report("engine", "it does not answer")
    assert [name for name, _ in told] == ["trouble_began", "trouble_ended", "trouble_began"]


def test_the_oldest_trouble_comes_first(health: Health, clock: ManualClock) -> None:
    health.report("disk", "it is full", degraded=True)
    clock.jump(1)
    health.report("engine", "it does not answer")
    health.report("disk", "it is very full", degraded=True)
    assert [trouble.name for trouble in health.troubles()] == ["disk", "engine"]


def test_what_is_met_now_and_then_is_told_once_and_is_over_after_a_while(
    health: Health, told: list[tuple[str, dict[str, Any]]], clock: ManualClock
) -> None:
    async def meet() -> None:
        loop = asyncio.get_running_loop()
        for _ in range(5):
            health.report_passing("descriptors", "there are none left", loop)
            clock.jump(Limits().trouble_over - 0.001)
        assert health.troubles()
        clock.jump(0.001)

    asyncio.run(meet())

    assert [name for name, _ in told] == ["trouble_began", "trouble_ended"]
