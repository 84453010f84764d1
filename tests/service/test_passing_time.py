"""The service waits by the clock that it is given, and a function has its own time."""

from __future__ import annotations

from typing import Any

from taskdock.base.timing.clock import to_iso
from taskdock.base.timing.limits import Limits
from taskdock.testing.clock import NOON, ManualClock
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.builders import Dock, Gate, StartDock

DAY = 24 * 3600.0
FAR = to_iso(NOON.replace(year=2030))


def answer(event: Any, runtime: FakeRuntime) -> str:
    return "done"


def test_a_task_starts_when_its_time_has_come(timed_dock: Dock) -> None:
    timed_dock.deploy(answer)
    task = timed_dock.create_task(startTimestamp=to_iso(NOON.replace(hour=13)))

    timed_dock.jump(3600)

    assert timed_dock.status(task) != "new"
    assert timed_dock.finish(task)["status"] == "complete"


def test_a_task_of_a_server_that_is_gone_fails_by_itself(timed_dock: Dock) -> None:
    timed_dock.deploy(answer)
    task = timed_dock.create_task(startTimestamp=FAR)
    timed_dock.emulator.foundation.store.change(
        "UPDATE task SET status = 'inProgress' WHERE id = ?", (task,)
    )

    timed_dock.jump(5 * 60 + 1)

    assert timed_dock.task(task)["error"]["name"] == "zombieTaskCleaned"


def test_what_has_ended_is_forgotten_after_the_days_to_keep(timed_dock: Dock) -> None:
    timed_dock.deploy(answer)
    tasks = [timed_dock.create_task() for _ in range(3)]
    for task in tasks:
        timed_dock.finish(task)

    timed_dock.jump(29 * DAY)
    before = timed_dock.get("/").json()["page"]["total"]
    timed_dock.jump(2 * DAY)

    assert before == 3
    assert timed_dock.get("/").json()["page"]["total"] == 0


def test_an_environment_that_idles_is_frozen_and_then_removed(
    start_dock: StartDock, clock: ManualClock
) -> None:
    dock = start_dock(clock=clock, work_clock=clock, freeze_after=5, retire_after=600)
    dock.deploy(answer)
    dock.execute()

    dock.jump(6)
    frozen = dock.states()
    dock.jump(600)

    assert frozen == ["frozen"]
    dock.eventually(lambda: dock.states() == [])


def test_a_prewarmed_container_that_ended_is_replaced_after_its_pause(
    start_dock: StartDock, clock: ManualClock
) -> None:
    dock = start_dock(clock=clock, work_clock=clock, prewarm=1)
    dock.deploy(answer)
    dock.eventually(lambda: dock.pool.prewarm_levels()[0].count == 1)
    (first,) = dock.engine.containers.values()
    first.kill()
    dock.eventually(lambda: dock.pool.prewarm_levels()[0].count == 0)

    dock.jump(59)
    before = dock.pool.prewarm_levels()[0].count
    dock.jump(2)

    dock.eventually(lambda: dock.pool.prewarm_levels()[0].count == 1)
    assert before == 0
    assert len(dock.engine.started) == 2


def test_a_trouble_that_nobody_sees_end_counts_as_over_after_a_while(timed_dock: Dock) -> None:
    health, reactor = timed_dock.emulator.health, timed_dock.emulator.foundation.reactor

    async def meet() -> None:
        health.report_passing("descriptors", "there are none left", reactor.loop)

    reactor.run(meet())
    timed_dock.jump(Limits().trouble_over - 0.001)
    before = [trouble.name for trouble in health.troubles()]
    timed_dock.jump(0.001)

    assert before == ["descriptors"]
    assert health.troubles() == []


def test_a_jump_of_the_clock_ends_no_function_that_runs(timed_dock: Dock) -> None:
    gate = Gate()
    timed_dock.deploy(lambda event, runtime: gate.pass_(runtime))
    task = timed_dock.create_task()
    timed_dock.eventually(lambda: gate.waiting)

    timed_dock.jump(3600)
    gate.open()

    assert timed_dock.finish(task)["status"] == "complete"


def test_a_clock_that_stands_still_does_not_keep_a_function_from_timing_out(
    timed_dock: Dock,
) -> None:
    gate = Gate()
    timed_dock.deploy(lambda event, runtime: gate.pass_(runtime))
    timed_dock.shorten(time_limit=1)

    task = timed_dock.finish(timed_dock.create_task())

    assert (task["status"], task["error"]["name"]) == ("failed", "Sandbox.Timedout")
    gate.open()
