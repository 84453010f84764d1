"""Memory: the budget holds whatever happens, nobody starves, and no stop waits for ever."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager
from threading import Event, Lock, Thread
from typing import Any

import pytest
import requests

from taskdock.base.errors import EngineError
from taskdock.base.timing.limits import Limits
from taskdock.engines.engine import ContainerSpec
from taskdock.lambdas.lifecycle import Transition
from taskdock.testing.fakes.engine import FakeContainer, FakeEngine
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.builders import DATABASE, LIMIT, Dock, Gate, Json, StartDock

SIZES = (128, 192, 256, 512, 1024)
BUDGET = 1536
REMOVAL = "the removal of what gave way to it"


class Weighing(FakeEngine):
    """Knows what all containers weigh, from when one is asked for until it is removed."""

    def __init__(self) -> None:
        super().__init__()
        self.held = self.most = 0  # MB
        self.making = self.most_making = 0
        """Containers that are made at the moment, and were at most."""
        self.removing = Event()
        """Removals take effect only while this is set."""
        self.removing.set()
        self.fault: str | None = None
        """Why nothing can be removed."""
        self.stays = ""
        """The id of a container whose removal hangs until this is over."""
        self.gone = Event()
        self.pause: Callable[[], float] = lambda: 0.0
        """Seconds that each verb takes."""
        self._weights: dict[str, int] = {}
        self._lock = Lock()

    def create(self, spec: ContainerSpec, *rest: Any) -> FakeContainer:
        self._weigh(spec.memory, making=1)
        try:
            time.sleep(self.pause())
            container = super().create(spec, *rest)
        except BaseException:
            self._weigh(-spec.memory, making=-1)
            raise
        self._weigh(0, making=-1)
        self._weights[container.id] = spec.memory
        container.remove = lambda: self._remove(container)  # type: ignore[method-assign]
        return container

    def let_go(self) -> None:
        super().let_go()
        self.removing.set()
        self.gone.set()
        self.fault = None

    def _remove(self, container: FakeContainer) -> None:
        if self.fault is not None:
            raise EngineError(self.fault)
        if container.id == self.stays:
            self.gone.wait(2 * LIMIT)
        assert self.removing.wait(2 * LIMIT), "nobody let it be removed"
        time.sleep(self.pause())
        FakeContainer.remove(container)
        self._weigh(-self._weights.pop(container.id, 0))

    def _weigh(self, megabytes: int, making: int = 0) -> None:
        with self._lock:
            self.making += making
            self.most_making = max(self.most_making, self.making)
            self.held += megabytes
            self.most = max(self.most, self.held)


@pytest.fixture
def engine() -> Weighing:
    return Weighing()


def status(dock: Dock) -> Json:
    response = dock.call("GET", "/status", base="")
    assert response.status_code == 200, response.text
    found: Json = response.json()
    return found


def begin(dock: Dock, function: str = "walnut-table") -> Future[requests.Response]:
    """A direct execution, on a thread of its own."""
    call: Future[requests.Response] = Future()
    Thread(target=lambda: call.set_result(dock.execute(function)), daemon=True).start()
    return call


def result(call: Future[requests.Response]) -> Any:
    response = call.result(LIMIT)
    assert response.status_code == 200, response.text
    return response.json()["result"]


# The budget


@pytest.mark.parametrize("seed", [1, 2])
def test_the_budget_is_never_exceeded_whatever_is_called_changed_retired_or_prewarmed(
    start_dock: StartDock, engine: Weighing, seed: int
) -> None:
    slow = random.Random(seed)
    engine.pause = lambda: slow.choice((0.0, 0.001, 0.02))
    dock = start_dock(
        limits=Limits(prewarm_calm=0.01, idle_round=0.02, almost_free=0.005),
        engine=engine,
        prewarm=2,
        memory_budget=BUDGET,
        direct_concurrency=24,
    )
    names = [f"wood-{number}" for number in range(10)]
    for number, name in enumerate(names):
        dock.deploy(work, name, memoryLimit=SIZES[number % len(SIZES)])

    def caller(number: int) -> list[int]:
        chance, statuses = random.Random(f"{seed} {number}"), []
        for turn in range(15):
            name = chance.choice(names)
            if chance.random() < 0.15:
                body = {"environmentVariables": {"TURN": {"value": f"{number} {turn}"}}}
                assert dock.put(f"/functions/{name}", body).status_code == 200
            if chance.random() < 0.1:
                dock.pool.retire_idle(0.0)
            deed = chance.choice(("answer",) * 6 + ("exit", "work on"))
            statuses.append(dock.execute(name, data={"deed": deed}).status_code)
        return statuses

    with ThreadPoolExecutor(12) as executor:
        statuses = [one for many in executor.map(caller, range(12)) for one in many]

    assert set(statuses) <= {200, 400}
    assert statuses.count(200) > len(statuses) // 2
    assert BUDGET // 2 < engine.most <= BUDGET
    dock.eventually(lambda: dock.pool.held() == engine.held)  # what is still in the making counts
    assert status(dock)["memory"]["held"] <= BUDGET


def work(event: Json, runtime: FakeRuntime) -> None:
    match event["data"]["deed"]:
        case "exit":
            runtime.exit(1)
        case "work on":
            runtime.answer("early")
            time.sleep(0.02)


def test_what_is_being_removed_holds_its_memory_and_the_call_that_needs_it_waits(
    start_dock: StartDock, engine: Weighing
) -> None:
    dock = start_dock(engine=engine, memory_budget=256)
    dock.deploy(lambda *_: "small")
    dock.deploy(lambda *_: "large", "oak-chair", memoryLimit=256)
    assert dock.execute().status_code == 200
    dock.eventually(lambda: dock.states() == ["ready"])
    engine.removing.clear()

    call = begin(dock, "oak-chair")
    dock.eventually(lambda: [line["reason"] for line in status(dock)["waiting"]] == [REMOVAL])
    (waiting,) = status(dock)["waiting"]
    memory = status(dock)["memory"]
    engine.removing.set()

    assert result(call) == "large"
    assert (waiting["functionName"], waiting["memory"]) == ("oak-chair", 256)
    assert memory == {"budget": 256, "held": 128}
    assert engine.most == 256


def test_one_room_is_not_made_twice(start_dock: StartDock, engine: Weighing) -> None:
    """While the first eviction is under way, others look for room for the same call."""
    dock, gate = start_dock(engine=engine, memory_budget=384), Gate()
    for name in ("walnut-table", "oak-chair"):
        dock.deploy(lambda *_: "done", name)
        assert dock.execute(name).status_code == 200
    dock.deploy(lambda _, runtime: gate.pass_(runtime), "busy")
    busy = begin(dock, "busy")
    dock.eventually(lambda: gate.waiting)
    dock.deploy(lambda *_: "new", "pine-shelf")
    engine.removing.clear()

    call = begin(dock, "pine-shelf")
    dock.eventually(lambda: status(dock)["waiting"])
    states = dock.states()
    assert result(begin(dock, "oak-chair")) == "done"  # and so everybody is looked at again
    after = dock.states()
    engine.removing.set()

    assert result(call) == "new"
    assert states == after == ["busy", "ready", "retiring"]
    gate.open()
    assert call.result(LIMIT).status_code == busy.result(LIMIT).status_code == 200


def test_who_evicts_does_not_start_in_the_room_that_somebody_else_was_given(
    start_dock: StartDock, engine: Weighing
) -> None:
    dock, stay = (
        start_dock(limits=Limits(almost_free=3600.0), engine=engine, memory_budget=256),
        Gate(),
    )

    def works_on(event: Json, runtime: FakeRuntime) -> None:
        runtime.answer("early")
        stay.pass_(runtime)

    dock.deploy(lambda *_: "done", "idle")
    dock.deploy(works_on, "settling")
    dock.deploy(lambda *_: "done", "third")
    assert dock.execute("idle").status_code == 200
    first = begin(dock, "settling")
    dock.eventually(lambda: "settling" in dock.states())
    second = begin(dock, "settling")  # it waits for that one, which works on
    dock.eventually(dock.pool.waiting)

    third = begin(dock, "third")

    assert result(third) == "done"
    stay.open()
    assert result(first) == result(second) == "early"
    assert engine.most == 256


def test_what_cannot_be_removed_counts_until_it_is_and_is_told(
    start_dock: StartDock, engine: Weighing
) -> None:
    dock = start_dock(limits=Limits(removal_retry=0.05), engine=engine, memory_budget=256)
    dock.deploy(lambda *_: "done")
    assert dock.execute().status_code == 200
    engine.fault = "device or resource busy"

    dock.pool.retire_idle(0.0)
    (trouble,) = dock.eventually(lambda: status(dock)["troubles"])
    held = status(dock)["memory"]["held"]
    engine.fault = None

    assert (trouble["name"], trouble["severity"]) == ("removal", "degraded")
    assert "device or resource busy" in trouble["reason"]
    assert held == 128
    dock.eventually(lambda: status(dock)["troubles"] == [])
    assert status(dock)["memory"]["held"] == engine.held == 0


def test_another_gives_way_where_what_gave_way_first_cannot_be_removed(
    start_dock: StartDock, engine: Weighing
) -> None:
    dock = start_dock(
        limits=Limits(removal_stuck=0.2, idle_round=3600.0), engine=engine, memory_budget=256
    )
    for name in ("walnut-table", "oak-chair", "elm-desk"):
        dock.deploy(lambda *_: "done", name)
    assert dock.execute("walnut-table").json()["result"] == "done"
    engine.stays = next(iter(engine.containers))
    assert dock.execute("oak-chair").json()["result"] == "done"

    assert result(begin(dock, "elm-desk")) == "done"

    assert {slot.function for slot in dock.pool.snapshot()} == {"walnut-table", "elm-desk"}


def test_what_is_retired_is_killed_at_once_however_many_wait_to_be_removed(
    start_dock: StartDock, engine: Weighing
) -> None:
    dock, gate = start_dock(limits=Limits(removals=1), engine=engine), Gate()
    dock.deploy(lambda _, runtime: gate.pass_(runtime))
    calls = [begin(dock) for _ in range(3)]
    dock.eventually(lambda: gate.waiting == 3)
    gate.open()
    assert {call.result(LIMIT).status_code for call in calls} == {200}
    dock.eventually(lambda: dock.states() == ["ready"] * 3)
    engine.removing.clear()

    dock.pool.retire_idle(0.0)

    running = [each.runtime for each in engine.containers.values()]
    dock.eventually(lambda: all(each is not None and each.end is not None for each in running))
    assert dock.states() == ["retiring"] * 3


def test_the_engine_makes_only_so_many_at_a_time_that_it_can_remove_as_many(
    start_dock: StartDock, engine: Weighing
) -> None:
    dock = start_dock(limits=Limits(creations=2), engine=engine)
    engine.starting.clear()
    dock.deploy(lambda *_: "done")
    calls = [begin(dock) for _ in range(6)]
    dock.eventually(lambda: dock.states() == ["starting"] * 6 and engine.making == 2)

    engine.starting.set()

    assert [result(call) for call in calls] == ["done"] * 6
    assert engine.most_making == 2


# Fairness


@contextmanager
def stream(dock: Dock, names: list[str]) -> Iterator[list[requests.Response]]:
    """Somebody calls each of these functions again and again, as soon as it has answered."""
    over, answers = Event(), []

    def call(name: str) -> None:
        while not over.is_set():
            answers.append(dock.execute(name))

    with ThreadPoolExecutor(len(names)) as executor:
        callers = [executor.submit(call, name) for name in names]
        try:
            yield answers
        finally:
            over.set()
    for caller in callers:
        caller.result()


@pytest.mark.parametrize("way", ["direct", "task", "event"])
def test_a_large_function_runs_behind_a_stream_of_small_ones(
    start_dock: StartDock, way: str
) -> None:
    dock = start_dock(memory_budget=1024, direct_concurrency=16, concurrency=4)
    ran = Event()
    small = [f"small-{number}" for number in range(8)]
    for name in small:
        dock.deploy(lambda *_: "small", name)
    dock.deploy(lambda *_: ran.set(), "large", memoryLimit=768)

    with stream(dock, small) as answers:
        dock.eventually(lambda: len(answers) > 20)
        match way:
            case "direct":
                assert dock.execute("large").status_code == 200
            case "task":
                task = dock.create_task("large", priority=100)
                assert dock.finish(task)["status"] == "complete"
            case _:
                url = f"{dock.emulator.url}/2015-03-31/functions/large/invocations"
                headers = {"X-Amz-Invocation-Type": "Event"}
                assert requests.post(url, json={}, headers=headers, timeout=60).status_code == 202
        assert ran.wait(LIMIT)

    assert {answer.status_code for answer in answers} == {200}


def test_small_ones_pass_a_large_one_where_they_do_not_hold_it_up(start_dock: StartDock) -> None:
    dock, gate, order = start_dock(memory_budget=1024), Gate(), []
    dock.deploy(lambda _, runtime: gate.pass_(runtime), "long", memoryLimit=512, timeLimit=300)
    dock.deploy(lambda *_: order.append("large"), "large", memoryLimit=768)
    dock.deploy(lambda *_: order.append("small"), "small", memoryLimit=128)
    long = dock.create_task("long")
    dock.eventually(lambda: gate.waiting)
    large = dock.create_task("large")
    dock.eventually(dock.pool.waiting)

    for _ in range(3):
        assert dock.execute("small").status_code == 200

    assert order == ["small"] * 3
    assert [waiting["functionName"] for waiting in status(dock)["waiting"]] == ["large"]
    assert dock.call("GET", "/health", base="").status_code == 200  # to wait is no trouble
    gate.open()
    assert dock.finish(long)["status"] == dock.finish(large)["status"] == "complete"


def test_the_same_large_function_called_twice_blocks_nobody_else(start_dock: StartDock) -> None:
    dock, gate = start_dock(memory_budget=1024), Gate()
    dock.deploy(lambda _, runtime: gate.pass_(runtime), "large", memoryLimit=768)
    dock.deploy(lambda *_: "small", "small")
    tasks = [dock.create_task("large") for _ in range(2)]
    dock.eventually(lambda: gate.waiting and dock.pool.waiting())

    for _ in range(3):
        assert result(begin(dock, "small")) == "small"

    gate.open()
    assert {dock.finish(task)["status"] for task in tasks} == {"complete"}
    assert sum(spec.memory == 768 for spec in dock.engine.started) == 1


# Versions that are no more


@pytest.mark.parametrize("change", ["update", "delete"])
def test_what_starts_for_a_function_that_has_changed_meanwhile_serves_that_call_alone(
    start_dock: StartDock, change: str
) -> None:
    dock, gate = start_dock(memory_budget=128, keep_warm=1), Gate()
    dock.deploy(lambda _, runtime: gate.pass_(runtime), "blocker")
    dock.deploy(lambda *_: "old", "waiter")
    blocker = dock.create_task("blocker")
    dock.eventually(lambda: gate.waiting)
    waiter = dock.create_task("waiter")
    dock.eventually(dock.pool.waiting)

    if change == "update":
        body = {"environmentVariables": {"TURN": {"value": "2"}}}
        assert dock.put("/functions/waiter", body).status_code == 200
    else:
        assert dock.call("DELETE", "/functions/waiter").status_code == 200
    gate.open()

    assert dock.finish(blocker)["status"] == dock.finish(waiter)["status"] == "complete"
    dock.eventually(lambda: dock.states() == [])


# Stopping


def test_a_stop_does_not_wait_for_what_an_engine_that_hangs_is_making(
    start_dock: StartDock, engine: Weighing
) -> None:
    limits = Limits(prewarm_calm=0.0, environments_stop=0.5)
    dock = start_dock(limits=limits, engine=engine, prewarm=1)
    dock.engine.starting.clear()
    dock.deploy(lambda *_: None)
    dock.eventually(lambda: dock.pool._prewarmed.slots)
    dock.deploy(lambda *_: None, "oak-chair", memoryLimit=256)
    call = begin(dock, "oak-chair")
    dock.eventually(lambda: dock.states() == ["starting"] and engine.making == 2)

    stopping = Thread(target=dock.pool.stop, daemon=True)
    stopping.start()
    stopping.join(LIMIT)

    assert not stopping.is_alive()
    for _ in range(2):  # whoever comes too late finds nothing, and breaks nothing
        dock.pool.retire_idle(0.0)
        dock.pool.freeze_idle(0.0)
        dock.pool.prewarm(0.0)
        dock.pool.stop()
    dock.engine.starting.set()
    assert call.result(LIMIT).status_code == 503
    dock.eventually(lambda: len(dock.engine.started) == 2 and not dock.engine.containers)


def test_a_stop_gives_back_a_task_whose_container_takes_longer_to_be_made(
    start_dock: StartDock,
) -> None:
    dock = start_dock(limits=Limits(environments_stop=0.5), stop_grace=0.0)
    dock.engine.starting.clear()
    dock.deploy(lambda *_: None)
    task = dock.create_task()
    dock.eventually(lambda: dock.states() == ["starting"])

    dock.emulator.stop()

    with closing(sqlite3.connect(dock.emulator.settings.data_dir / DATABASE)) as database:
        rows = database.execute("SELECT id, status FROM task").fetchall()
    assert rows == [(task, "new")]


def test_a_stop_does_not_wait_for_an_engine_that_does_not_remove(
    start_dock: StartDock, engine: Weighing
) -> None:
    dock = start_dock(limits=Limits(environments_stop=0.5), engine=engine)
    dock.deploy(lambda *_: None)
    assert dock.execute().status_code == 200
    engine.removing.clear()

    stopping = Thread(target=dock.pool.stop, daemon=True)
    stopping.start()
    stopping.join(LIMIT)

    assert not stopping.is_alive()
    (told,) = [facts for name, facts in dock.notices if name == "containers_left"]
    assert told["count"] == 1
    assert "the next start on this data folder removes them" in told["hint"]


def test_nothing_is_made_for_a_call_that_a_stop_has_ended_before_its_turn(
    start_dock: StartDock,
) -> None:
    dock = start_dock(limits=Limits(starts=1))
    dock.engine.starting.clear()
    dock.deploy(lambda *_: None)
    calls = [begin(dock) for _ in range(3)]
    dock.eventually(lambda: dock.states() == ["starting"] * 3)

    with ThreadPoolExecutor() as executor:
        stopping = executor.submit(dock.pool.stop)
        dock.eventually(lambda: dock.states() == ["retiring"] * 3)
        dock.engine.starting.set()
        stopping.result(LIMIT)

    assert {call.result(LIMIT).status_code for call in calls} == {503}
    assert len(dock.engine.started) == 1
    assert not dock.engine.containers


def test_what_is_retired_while_it_is_made_keeps_no_other_from_being_removed(
    start_dock: StartDock,
) -> None:
    """Removals have few threads, and none of them waits for a container in the making."""
    dock = start_dock()
    dock.deploy(lambda *_: "done")
    assert dock.execute().status_code == 200
    dock.engine.starting.clear()
    dock.deploy(lambda *_: None, "oak-chair")
    calls = [begin(dock, "oak-chair") for _ in range(6)]
    dock.eventually(lambda: dock.states() == ["ready"] + ["starting"] * 6)

    async def retire() -> None:
        for environment in list(dock.pool._fleet.values()):
            environment.move(Transition.RETIRED)

    dock.pool.reactor.run(retire())

    dock.eventually(lambda: not dock.engine.containers)
    dock.engine.starting.set()
    assert {call.result(LIMIT).status_code for call in calls} == {503}
    dock.eventually(lambda: dock.states() == [])


def test_of_servers_side_by_side_each_has_its_share_of_the_budget(start_dock: StartDock) -> None:
    dock = start_dock(memory_budget=1024, memory_shared_by=4)

    status = dock.call("GET", "/status", base="")

    assert status.json()["memory"]["budget"] == 256


def test_a_function_that_is_larger_than_a_share_runs_alone(start_dock: StartDock) -> None:
    dock = start_dock(memory_budget=256, memory_shared_by=2)
    dock.deploy(lambda *_: "done", memoryLimit=512)

    assert dock.execute().status_code == 200
