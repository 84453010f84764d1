"""Environments: reused while they are warm, replaced, evicted, frozen and thawed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Event, Lock, Thread
from typing import Any

import pytest

from taskdock.base.timing.limits import Limits
from taskdock.engines.ending import ProgramExit
from taskdock.engines.images import Found
from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.functions.function import Function
from taskdock.testing.clock import ManualClock
from taskdock.testing.dock import new_function
from taskdock.testing.fakes.engine import FakeContainer, FakeEngine
from taskdock.testing.fakes.runtime import FakeRuntime, serve
from taskdock.testing.zips import base64_of, zip_of
from tests.support.builders import LIMIT, Dock, Gate, Json, StartDock, summary

# Starting


def test_a_container_is_started_with_what_its_function_needs(dock: Dock) -> None:
    dock.deploy(
        lambda event, runtime: None,
        code=base64_of(zip_of({"lib/index.py": "wood = 'walnut'"})),
        memoryLimit=256,
        environmentVariables={"WOOD": {"value": "walnut"}, "TZ": {"value": "Europe/Brussels"}},
    )

    dock.execute()

    (spec,), (program,) = dock.engine.started, dock.engine.ran
    assert (spec.image, spec.memory, program.arguments) == ("fake", 256, ("walnut-table",))
    code = spec.source_of("/var/task")
    assert code is not None
    assert (code / "lib" / "index.py").read_text() == "wood = 'walnut'"
    assert (
        program.environment.items()
        >= {
            "AWS_LAMBDA_FUNCTION_NAME": "walnut-table",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python3.11",
            "_HANDLER": "walnut-table",
            "WOOD": "walnut",
            "TZ": "Europe/Brussels",
        }.items()
    )


def test_an_image_runs_with_its_own_command(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: "sat on")
    dock.engine.programs["chair:latest"] = dock.engine.programs["walnut-table"]
    dock.post("/functions/", {"name": "oak-chair", "image": "chair:latest"})

    assert dock.execute("oak-chair").json()["result"] == "sat on"

    (spec,), (program,) = dock.engine.started, dock.engine.ran
    assert (program.entrypoint, program.arguments, spec.mounts) == (None, None, ())


def test_a_start_that_fails_is_tried_anew_by_the_next_invocation(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: "done")
    dock.engine.refusal = "no space left on device"
    refused = dock.execute()

    dock.engine.refusal = None

    assert summary(refused) == (400, 1405)
    assert dock.execute().json()["result"] == "done"


# Serving


def test_one_environment_serves_one_invocation_after_another(dock: Dock) -> None:
    served: list[FakeRuntime] = []
    dock.deploy(lambda event, runtime: served.append(runtime))

    for _ in range(5):
        dock.execute()

    assert len(served) == 5
    assert len(set(served)) == len(dock.engine.started) == 1


def test_an_environment_holds_one_invocation_at_a_time(dock: Dock) -> None:
    holding: set[FakeRuntime] = set()
    lock = Lock()

    def handler(event: Json, runtime: FakeRuntime) -> Any:
        with lock:
            assert runtime not in holding
            holding.add(runtime)
        runtime.answer(event["data"]["number"])
        runtime.print("settling")
        with lock:
            holding.remove(runtime)

    dock.deploy(handler)

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda n: dock.execute(data={"number": n}).json(), range(80)))

    assert [result["result"] for result in results] == list(range(80))


def test_invocations_side_by_side_each_have_an_environment(dock: Dock) -> None:
    gate = Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))

    tasks = [dock.create_task() for _ in range(4)]
    dock.eventually(lambda: gate.waiting == 4)

    assert dock.states() == ["busy"] * 4
    gate.open()
    assert {dock.finish(task_id)["status"] for task_id in tasks} == {"complete"}
    assert dock.states() == ["ready"] * 4


def test_a_runtime_that_does_not_ask_again_is_waited_for_in_real_time(
    start_dock: StartDock,
) -> None:
    dock = start_dock(clock=ManualClock(), limits=Limits(settle=0.05))

    def handler(event: Json, runtime: FakeRuntime) -> None:
        runtime.answer("done")
        runtime.hang()

    dock.deploy(handler)

    assert dock.execute().json()["result"] == "done"  # with its whole log
    assert dock.fake.started


def test_a_runtime_that_does_not_ask_again_serves_nobody_and_is_removed_in_the_end(
    start_dock: StartDock,
) -> None:
    dock = start_dock(limits=Limits(settle=0.2))

    def handler(event: Json, runtime: FakeRuntime) -> None:
        runtime.answer("done")
        runtime.hang()

    dock.deploy(handler)
    dock.shorten(time_limit=1)

    results = [dock.execute().json()["result"] for _ in range(2)]

    assert results == ["done", "done"]
    assert len(dock.engine.started) == 2
    dock.eventually(lambda: not dock.engine.containers)


# Versions


@pytest.mark.parametrize(
    "change",
    [
        {"code": base64_of(zip_of({"index.py": "changed"}))},
        {"timeLimit": 20},
        {"memoryLimit": 256},
        {"environmentVariables": {"WOOD": {"value": "oak"}}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_of_what_runs_gets_a_new_environment(dock: Dock, change: Json) -> None:
    dock.deploy(lambda event, runtime: None)
    dock.execute()
    (old,) = dock.engine.containers

    dock.put("/functions/walnut-table", change)

    dock.eventually(lambda: old not in dock.engine.containers)
    assert dock.execute().status_code == 200
    assert len(dock.engine.started) == 2


@pytest.mark.parametrize(
    "change", [{"description": "seats six"}, {"retryPolicy": {"enabled": True}}, {}], ids=str
)
def test_a_change_of_anything_else_keeps_it_warm(dock: Dock, change: Json) -> None:
    dock.deploy(lambda event, runtime: None)
    dock.execute()

    dock.put("/functions/walnut-table", change)

    assert dock.execute().status_code == 200
    assert len(dock.engine.started) == 1


def test_what_runs_during_a_change_finishes_as_it_began_and_then_goes(dock: Dock) -> None:
    gate = Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    task_id = dock.create_task()
    dock.eventually(lambda: gate.waiting)
    (old,) = dock.engine.containers

    dock.put("/functions/walnut-table", {"memoryLimit": 256})
    dock.eventually(lambda: all(slot.stale for slot in dock.pool.snapshot()))
    still_there = old in dock.engine.containers
    gate.open()

    assert still_there
    assert dock.finish(task_id)["status"] == "complete"
    dock.eventually(lambda: old not in dock.engine.containers)


def test_a_deleted_function_leaves_no_container(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: None)
    dock.execute()

    dock.call("DELETE", "/functions/walnut-table")

    dock.eventually(lambda: not dock.engine.containers)


def test_a_function_that_was_deleted_and_deployed_again_is_the_new_one(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: "old")
    dock.execute()
    dock.call("DELETE", "/functions/walnut-table")

    dock.deploy(lambda event, runtime: "new")

    assert dock.execute().json()["result"] == "new"


# Room


def test_the_longest_idle_environment_makes_room(start_dock: StartDock) -> None:
    dock = start_dock(memory_budget=256)
    for name in ("walnut-table", "oak-chair", "pine-shelf"):
        dock.deploy(lambda event, runtime: None, name)

    for name in ("walnut-table", "oak-chair", "walnut-table", "pine-shelf"):
        assert dock.execute(name).status_code == 200

    dock.eventually(lambda: len(dock.engine.containers) == 2)
    names = {c.name.rpartition("-")[0] for c in dock.engine.containers.values()}
    assert names == {"taskdock-walnut-table", "taskdock-pine-shelf"}


def test_an_environment_that_works_is_not_evicted(start_dock: StartDock) -> None:
    dock, gate = start_dock(memory_budget=128), Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    dock.deploy(lambda event, runtime: None, "oak-chair")
    working = dock.create_task()
    dock.eventually(lambda: gate.waiting)

    waiting = dock.create_task("oak-chair")
    dock.eventually(dock.pool.waiting)
    alone = len(dock.engine.started)
    gate.open()

    assert alone == 1
    assert dock.finish(working)["status"] == dock.finish(waiting)["status"] == "complete"


def test_tasks_that_wait_for_one_environment_take_turns_in_it(start_dock: StartDock) -> None:
    dock, events = start_dock(memory_budget=128), []
    dock.deploy(lambda event, runtime: events.append(event["id"]))

    tasks = [dock.create_task() for _ in range(30)]

    assert {dock.finish(task_id)["status"] for task_id in tasks} == {"complete"}
    assert sorted(events) == sorted(tasks)
    assert len(dock.engine.started) == 1


def test_a_function_larger_than_the_budget_is_refused_at_once_and_nothing_gives_way(
    start_dock: StartDock,
) -> None:
    dock = start_dock(memory_budget=128)
    dock.deploy(lambda event, runtime: None)
    dock.deploy(lambda event, runtime: "done", "oak-chair", memoryLimit=1024)
    dock.execute()

    response = dock.execute("oak-chair")

    assert summary(response) == (400, 1405)
    for word in ("oak-chair", "1024 MB", "128 MB", "--memory-budget"):
        assert word in response.json()["message"]
    assert dock.states() == ["ready"]


def test_where_nobody_set_a_budget_a_function_larger_than_that_runs_alone(
    start_dock: StartDock,
) -> None:
    engine = FakeEngine()
    engine.memory = 1024
    dock, gate = start_dock(engine=engine), Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    dock.deploy(lambda event, runtime: len(engine.containers), "oak-chair", memoryLimit=1024)
    task = dock.create_task()
    dock.eventually(lambda: gate.waiting)

    with ThreadPoolExecutor() as executor:
        call = executor.submit(dock.execute, "oak-chair")
        dock.eventually(dock.pool.waiting)
        gate.open()

        assert call.result(LIMIT).json()["result"] == 1
    assert dock.finish(task)["status"] == "complete"


def test_who_finds_no_room_in_time_is_told(start_dock: StartDock) -> None:
    dock, gate = start_dock(memory_budget=128, limits=Limits(patience=0.2)), Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    dock.create_task()
    dock.eventually(lambda: gate.waiting)

    response = dock.execute()
    gate.open()

    assert summary(response) == (400, 1405)
    assert "memory" in response.json()["message"]


# The CPU


def test_the_cpu_is_limited_when_init_is_over_and_before_the_first_event(
    start_dock: StartDock,
) -> None:
    dock = start_dock(cpu="lambda")
    at_init: list[float | None] = []
    program = serve(
        lambda event, runtime: limits(dock), init=lambda runtime: at_init.extend(limits(dock))
    )
    dock.deploy_program(program, memoryLimit=1769)

    result = dock.execute().json()["result"]

    assert (at_init, result) == ([None], [1.0])


def test_the_cpu_is_not_limited_by_default(start_dock: StartDock) -> None:
    dock = start_dock()
    dock.deploy(lambda event, runtime: limits(dock))

    assert dock.execute().json()["result"] == [None]


def limits(dock: Dock) -> list[float | None]:
    return [container.cpus for container in dock.engine.containers.values()]


# Idling


def test_an_idle_environment_is_frozen_and_thawed_before_it_is_offered_an_event(
    start_dock: StartDock, clock: ManualClock
) -> None:
    dock = start_dock(clock=clock, work_clock=clock, freeze_after=5)
    dock.deploy(lambda event, runtime: len(dock.engine.calls))
    dock.execute()
    (id,) = dock.engine.containers

    clock.jump(4.9)
    dock.emulator.lambdas.reaper.run_once()
    before = dock.states()
    clock.jump(0.1)
    dock.emulator.lambdas.reaper.run_once()
    frozen = dock.states()
    dock.eventually(lambda: dock.engine.calls)  # the server's own reaper may have come first
    calls = dock.execute().json()["result"]

    assert (before, frozen) == (["ready"], ["frozen"])
    assert dock.engine.calls == [("freeze", id), ("thaw", id)]
    assert calls == 2
    assert dock.states() == ["ready"]


def test_a_freeze_follows_every_invocation(start_dock: StartDock) -> None:
    engine = FakeEngine()
    dock = start_dock(engine=engine, freeze_after=0.0)
    dock.deploy(lambda event, runtime: event["data"]["number"])

    for number in range(3):
        assert dock.execute(data={"number": number}).json()["result"] == number
        dock.eventually(lambda: dock.states() == ["frozen"])
        dock.eventually(lambda number=number: len(engine.calls) > 2 * number)  # it is so by now

    assert [verb for verb, _ in engine.calls] == ["freeze", "thaw"] * 2 + ["freeze"]


def test_a_call_that_follows_at_once_finds_its_environment_awake(start_dock: StartDock) -> None:
    engine = FakeEngine()
    dock = start_dock(limits=Limits(linger=3600.0), engine=engine, freeze_after=0.0)
    dock.deploy(lambda event, runtime: "done")

    results = [dock.execute().json()["result"] for _ in range(3)]

    assert results == ["done"] * 3
    assert (dock.states(), engine.calls, len(engine.started)) == (["ready"], [], 1)


def test_as_many_environments_as_are_kept_warm_do_not_expire(
    start_dock: StartDock, clock: ManualClock
) -> None:
    dock, gate = (
        start_dock(clock=clock, work_clock=clock, keep_warm=2, freeze_after=5, retire_after=600),
        Gate(),
    )
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    tasks = [dock.create_task() for _ in range(3)]
    dock.eventually(lambda: gate.waiting == 3)
    gate.open()
    for task in tasks:
        dock.finish(task)
    dock.eventually(lambda: dock.states() == ["ready"] * 3)  # from now on they idle

    clock.jump(6000)
    dock.emulator.lambdas.reaper.run_once()

    dock.eventually(lambda: len(dock.engine.containers) == 2)
    dock.eventually(lambda: dock.states() == ["frozen", "frozen"])


def test_no_more_environments_run_than_there_may_be(start_dock: StartDock) -> None:
    dock = start_dock(max_environments=1)
    for name in ("walnut-table", "oak-chair"):
        dock.deploy(lambda event, runtime: None, name)

    for name in ("walnut-table", "oak-chair", "walnut-table"):
        assert dock.execute(name).status_code == 200

    dock.eventually(lambda: len(dock.engine.containers) == 1)
    assert len(dock.engine.started) == 3


def test_an_environment_that_works_is_not_frozen(start_dock: StartDock, clock: ManualClock) -> None:
    dock, gate = start_dock(clock=clock, work_clock=clock, freeze_after=5), Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    dock.create_task()
    dock.eventually(lambda: gate.waiting)

    clock.jump(60)
    dock.emulator.lambdas.reaper.run_once()

    assert dock.states() == ["busy"]
    assert dock.engine.calls == []
    gate.open()


def test_an_environment_that_idles_for_long_is_removed(
    start_dock: StartDock, clock: ManualClock
) -> None:
    dock = start_dock(clock=clock, work_clock=clock, freeze_after=5, retire_after=600)
    dock.deploy(lambda event, runtime: None)
    dock.execute()

    for seconds in (5, 594):
        clock.jump(seconds)
        dock.emulator.lambdas.reaper.run_once()
    before = dock.states()
    clock.jump(6)
    dock.emulator.lambdas.reaper.run_once()

    assert before == ["frozen"]
    dock.eventually(lambda: dock.states() == [])
    assert dock.engine.containers == {}


def test_freezing_at_any_moment_loses_no_invocation(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: event["data"]["number"])
    done = Event()

    def freeze() -> None:
        while not done.is_set():
            dock.pool.freeze_idle(after=0)

    freezer = Thread(target=freeze)
    freezer.start()
    try:
        results = [dock.execute(data={"number": n}).json()["result"] for n in range(40)]
    finally:
        done.set()
        freezer.join()

    assert results == list(range(40))
    assert ("thaw", next(iter(dock.engine.containers))) in dock.engine.calls


def test_a_change_of_a_function_removes_its_frozen_environments(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: None)
    dock.execute()
    dock.pool.freeze_idle(after=0)

    dock.put("/functions/walnut-table", {"memoryLimit": 256})

    dock.eventually(lambda: not dock.engine.containers)


def test_deploying_starts_no_container(dock: Dock) -> None:
    dock.post("/functions/", new_function())

    assert dock.engine.started == []


def test_a_runtime_that_has_ended_serves_nobody_before_its_caller_was_told_why(dock: Dock) -> None:
    """Else the next caller would start it again, and why it has ended would be lost."""
    dock.deploy(lambda event, runtime: runtime.hang())
    function = dock.emulator.catalog.get("walnut-table")

    async def crash() -> tuple[bool, bool]:
        async with dock.pool.lease(function, 5.0) as leased:
            assert isinstance(leased, Environment)
            leased.exited(ProgramExit(code=1))
            meanwhile = leased.idle
        return meanwhile, leased.idle

    assert dock.pool.reactor.run(crash()) == (False, True)


def test_an_environment_whose_start_breaks_holds_no_memory(
    start_dock: StartDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = start_dock(memory_budget=128)
    dock.deploy(lambda event, runtime: "done")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeContainer, "run", _break)
        assert dock.execute().status_code == 400

    assert dock.execute().json()["result"] == "done"
    dock.eventually(lambda: len(dock.engine.containers) == 1)


def test_an_environment_whose_restart_breaks_holds_no_memory(start_dock: StartDock) -> None:
    dock = start_dock(memory_budget=128)
    dock.deploy(lambda event, runtime: runtime.exit(1) if event.get("data") else "done")
    assert dock.execute(data={"deed": "exit"}).status_code == 400
    dock.eventually(lambda: dock.states() == ["down"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeContainer, "run", _break)
        assert dock.execute().status_code == 400

    assert dock.execute().json()["result"] == "done"


def test_an_environment_whose_thaw_breaks_is_replaced(
    start_dock: StartDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = start_dock(memory_budget=128, freeze_after=0.0)
    dock.deploy(lambda event, runtime: "done")
    dock.execute()
    dock.eventually(lambda: dock.states() == ["frozen"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FakeContainer, "thaw", _break)
        assert dock.execute().status_code == 400

    assert dock.execute().json()["result"] == "done"


def test_slow_pulls_hold_up_no_environment_that_is_there(
    start_dock: StartDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock, pulled = start_dock(limits=Limits(starts=2), freeze_after=0.0), Event()
    dock.deploy(lambda event, runtime: "done")
    dock.execute()
    dock.eventually(lambda: dock.states() == ["frozen"])
    image_of = dock.pool.operations._provisioner._image_of

    def pull(function: Function) -> Found:
        if function.name == "oak-chair" and not pulled.wait(LIMIT):
            raise TimeoutError("the other function was held up")
        return image_of(function)

    monkeypatch.setattr(dock.pool.operations._provisioner, "_image_of", pull)
    dock.deploy(lambda event, runtime: None, "oak-chair")
    tasks = [dock.create_task("oak-chair") for _ in range(3)]
    dock.eventually(lambda: dock.states().count("starting") == 3)

    assert dock.execute().json()["result"] == "done"

    pulled.set()
    for task in tasks:
        assert dock.finish(task)["status"] == "complete"


def test_who_waits_for_one_that_works_on_after_its_answer_gets_another(
    start_dock: StartDock, clock: ManualClock
) -> None:
    """Also when a second one has answered by the time that the first one's has run out."""
    dock, over = (
        start_dock(limits=Limits(almost_free=0.1, settle=60.0), clock=clock, work_clock=clock),
        Event(),
    )
    answers = {"first": Event(), "second": Event()}

    def handler(event: Json, runtime: FakeRuntime) -> str:
        if event.get("data"):
            runtime.wait_for(answers[event["data"]["name"]])
            runtime.answer("early")
            runtime.wait_for(over)
        return "done"

    dock.deploy(handler)
    tasks = [dock.create_task(data={"name": name}) for name in answers]
    dock.eventually(lambda: dock.states() == ["busy", "busy"])
    answers["first"].set()
    dock.eventually(lambda: dock.states() == ["busy", "settling"])
    with ThreadPoolExecutor() as executor:
        call = executor.submit(dock.execute)
        dock.eventually(dock.pool.waiting)
        clock.jump(0.06)
        answers["second"].set()
        dock.eventually(lambda: dock.states() == ["settling", "settling"])
        clock.jump(0.06)  # the call looks again, in vain
        assert dock.pool.waiting()
        clock.jump(0.08)

        assert call.result(LIMIT).json()["result"] == "done"

    over.set()
    for task in tasks:
        dock.finish(task)


def _break(*_: object) -> None:
    raise RuntimeError("planted")


def test_a_call_at_which_something_breaks_holds_up_no_other(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = dock.pool._prewarmed.slot_for

    def slot_for(function: Function) -> object:
        if function.name == "walnut-table":
            raise OSError("it broke")
        return look(function)

    dock.deploy(lambda *_: "done")
    dock.deploy(lambda *_: "done", "oak-chair")
    monkeypatch.setattr(dock.pool._prewarmed, "slot_for", slot_for)

    broken = dock.execute()
    others = [dock.execute("oak-chair") for _ in range(2)]

    assert broken.status_code == 400
    assert "it broke" in broken.json()["message"]
    assert [other.status_code for other in others] == [200, 200]
    assert dock.pool.waiting() == []
    assert [slot.function for slot in dock.pool.snapshot()] == ["oak-chair"]


# Its moves


def test_every_move_of_an_environment_is_published_with_the_state_before(
    start_dock: StartDock,
) -> None:
    dock = start_dock(freeze_after=0.0)
    dock.deploy(lambda event, runtime: "done")

    dock.execute()
    dock.eventually(lambda: dock.states() == ["frozen"])
    dock.execute()
    dock.eventually(lambda: dock.states() == ["frozen"])
    dock.pool.retire_idle(0.0)
    dock.eventually(lambda: dock.states() == [])

    moves = [facts for name, facts in dock.notices if name == "environment_moved"]
    assert {(move["function"], len(move["id"])) for move in moves} == {("walnut-table", 32)}
    assert len({move["id"] for move in moves}) == 1
    call = ["busy", "settling", "ready", "frozen"]
    states = ["starting", "ready", *call, *call, "retiring", "gone"]
    assert [(move["from"].value, move["to"].value) for move in moves] == [*pairwise(states)]
