"""An engine that is gone, hangs or comes back: what callers see, what is kept, what status says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from taskdock.base.errors import EngineUnreachable
from taskdock.base.timing.limits import Limits
from taskdock.testing.fakes.engine import FakeContainer, FakeEngine
from taskdock.testing.fakes.runtime import FakeRuntime, serve
from taskdock.testing.waiting import eventually
from tests.support.builders import Dock, Gate, Json, StartDock, summary

INVOKE = "/2015-03-31/functions/walnut-table/invocations"
GONE = "no such socket"


def health(dock: Dock) -> tuple[int, list[str]]:
    """Its status, and the names of what does not work."""
    answer = dock.call("GET", "/health", base="")
    return answer.status_code, [trouble["name"] for trouble in answer.json()["troubles"]]


def reason(dock: Dock) -> str:
    (trouble,) = dock.call("GET", "/status", base="").json()["troubles"]
    return str(trouble["reason"])


def invoke(dock: Dock, **headers: str) -> requests.Response:
    return dock.call("POST", INVOKE, base="", json={}, headers=headers)


def accept(dock: Dock) -> None:
    """An event, for later."""
    assert invoke(dock, **{"X-Amz-Invocation-Type": "Event"}).status_code == 202


def counted(runs: list[Any]) -> Callable[[Any, FakeRuntime], Json]:
    def handler(event: Any, runtime: FakeRuntime) -> Json:
        runs.append(event)
        return {"statusCode": 200}

    return handler


def count(dock: Dock, notice: str) -> int:
    return sum(name == notice for name, _ in dock.notices)


# Gone


def test_an_absent_engine_keeps_the_queue_as_it_is_and_each_task_runs_once_when_it_is_back(
    dock: Dock,
) -> None:
    runs: list[Json] = []
    dock.deploy(counted(runs), retryPolicy={"enabled": True})
    dock.engine.silence = GONE
    tasks = [dock.create_task() for _ in range(30)]
    dock.eventually(lambda: health(dock) == (503, ["engine"]))
    dock.eventually(lambda: {dock.status(task) for task in tasks} == {"new"})
    claims = count(dock, "task_claimed")

    later = dock.create_task()
    dock.emulator.tasks.worker.wake()
    eventually(lambda: not dock.emulator.tasks.worker._wake.is_set())

    assert GONE in reason(dock)
    assert dock.status(later) == "new"
    assert count(dock, "task_claimed") == claims  # nothing is tried again and again
    dock.engine.silence = None
    assert {dock.finish(task)["status"] for task in [*tasks, later]} == {"complete"}
    assert sorted(event["id"] for event in runs) == sorted([*tasks, later])
    assert dock.get("/").json()["page"]["total"] == 31
    assert health(dock) == (200, [])


def test_an_event_waits_for_an_absent_engine_without_spending_an_attempt(dock: Dock) -> None:
    runs: list[Json] = []
    dock.deploy(counted(runs))
    dock.engine.silence = GONE

    accept(dock)
    dock.eventually(lambda: count(dock, "invocation_released"))
    accept(dock)
    dock.emulator.tasks.dispatcher.wake()
    eventually(lambda: not dock.emulator.tasks.dispatcher._wake.is_set())

    assert count(dock, "invocation_released") == 1
    dock.engine.silence = None
    dock.eventually(lambda: count(dock, "invocation_completed") == 2)
    assert len(runs) == 2
    assert count(dock, "invocation_retried") == count(dock, "invocation_postponed") == 0


def test_who_waits_for_an_answer_is_told_that_the_engine_does_not_answer(dock: Dock) -> None:
    dock.deploy(counted([]))
    dock.engine.silence = GONE

    executed, called, invoked = dock.execute(), dock.get("/api/walnut-table"), invoke(dock)

    assert summary(executed) == summary(called) == (503, 1405)
    assert invoked.status_code == 503
    assert invoked.headers["X-Amzn-Errortype"] == "ServiceUnavailableException"
    assert all(GONE in answer.text for answer in (executed, called, invoked))
    error = dock.get("/").json()["data"][0]["error"]
    assert (error["type"], error["name"]) == ("invocation", "EngineUnreachable")
    assert error["message"].endswith(GONE)
    dock.engine.silence = None
    dock.eventually(lambda: dock.execute().status_code == 200)


def test_a_function_that_has_an_environment_is_served_while_the_engine_is_gone(dock: Dock) -> None:
    dock.deploy(counted([]))
    dock.execute()
    dock.engine.silence = GONE
    dock.deploy(counted([]), "oak-chair")
    assert dock.execute("oak-chair").status_code == 503

    assert dock.execute().status_code == 200


def test_nothing_gives_way_to_what_cannot_be_made_while_the_engine_is_gone(
    start_dock: StartDock,
) -> None:
    dock = start_dock(memory_budget=256)
    dock.deploy(counted([]))
    assert dock.execute().status_code == 200
    dock.engine.silence = GONE
    dock.deploy(counted([]), "oak-chair")
    assert dock.execute("oak-chair").status_code == 503
    dock.deploy(counted([]), "elm-desk", memoryLimit=256)

    refused = dock.execute("elm-desk")

    assert summary(refused) == (503, 1405)
    assert GONE in refused.text
    assert dock.execute().status_code == 200


@pytest.mark.parametrize("refusal", ["no such image", "invalid configuration"])
def test_what_lies_in_the_function_still_fails_its_task(dock: Dock, refusal: str) -> None:
    dock.deploy(counted([]))
    dock.engine.refusal = refusal

    task = dock.finish(dock.create_task())

    assert (task["status"], task["error"]["name"]) == ("failed", "StartFailed")
    assert health(dock) == (200, [])


def test_an_engine_that_answers_and_fails_is_given_longer_and_longer_rests(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> FakeContainer:
        raise EngineUnreachable("no space left on device")

    dock.deploy(counted([]))
    with monkeypatch.context() as patch:
        patch.setattr(FakeEngine, "create", fail)
        task = dock.create_task()
        watch = dock.emulator.lambdas.watch
        dock.eventually(lambda: watch._strikes >= 2)
        assert count(dock, "task_claimed") <= 4
        assert "no space left on device" in reason(dock)

    assert dock.finish(task)["status"] == "complete"


# Hanging


SOON = Limits(engine_slow=0.2)
"""With which a hanging engine is soon seen to hang."""


def hang(dock: Dock) -> None:
    """What starts does not end, and nobody answers."""
    dock.engine.starting.clear()
    dock.engine.silence_of_answers = GONE


def test_a_hanging_engine_holds_up_nobody_for_long_and_fails_nothing(
    start_dock: StartDock,
) -> None:
    dock = start_dock(limits=SOON)
    runs: list[Json] = []
    dock.deploy(counted(runs))
    hang(dock)
    task = dock.create_task()
    accept(dock)

    answers = [dock.execute(), dock.get("/api/walnut-table"), invoke(dock)]  # none hangs

    assert [answer.status_code for answer in answers] == [503] * 3
    assert health(dock) == (503, ["engine"])
    dock.eventually(lambda: dock.status(task) == "new")
    dock.engine.silence_of_answers = None
    dock.engine.starting.set()
    assert dock.finish(task)["status"] == "complete"
    dock.eventually(lambda: count(dock, "invocation_completed"))
    assert len(runs) == 2
    dock.eventually(lambda: health(dock) == (200, []))


def test_a_start_that_takes_long_on_an_engine_that_answers_is_waited_for(
    start_dock: StartDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = start_dock(limits=Limits(engine_slow=0.05))
    asked: list[float] = []
    answers = dock.engine.answers
    monkeypatch.setattr(dock.engine, "answers", lambda: asked.append(time.time()) or answers())
    dock.deploy(counted([]))
    dock.engine.starting.clear()

    with ThreadPoolExecutor() as pool:
        answer = pool.submit(dock.execute)
        dock.eventually(lambda: len(asked) >= 3)
        dock.engine.starting.set()

    assert answer.result().status_code == 200
    assert health(dock) == (200, [])


def test_what_a_hanging_engine_makes_at_last_is_removed(start_dock: StartDock) -> None:
    dock = start_dock(limits=SOON)
    dock.deploy(counted([]))
    hang(dock)
    assert dock.execute().status_code == 503

    dock.engine.starting.set()

    dock.eventually(lambda: dock.engine.started and not dock.engine.containers)


def test_a_wait_for_room_that_a_hanging_engine_does_not_make_is_no_want_of_room(
    start_dock: StartDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = start_dock(memory_budget=128, limits=Limits(engine_slow=0.1, patience=2.0))
    removing = threading.Event()
    remove = FakeContainer.remove

    def hang(container: FakeContainer) -> None:
        removing.wait(30.0)
        remove(container)

    monkeypatch.setattr(FakeContainer, "remove", hang)
    dock.deploy(counted([]))
    dock.deploy(counted([]), "oak-chair")
    dock.execute()
    dock.engine.silence_of_answers = GONE

    answer = dock.execute("oak-chair")

    assert summary(answer) == (503, 1405)
    assert "EngineUnreachable" in answer.text
    assert health(dock)[0] == 503
    removing.set()


# With its containers


def kill_all(dock: Dock) -> None:
    for container in list(dock.engine.containers.values()):
        container.kill()


def test_of_a_task_whose_container_vanishes_nobody_knows_what_it_did(dock: Dock) -> None:
    runs: list[Json] = []

    def handler(event: Json, runtime: FakeRuntime) -> None:
        runs.append(event)
        runtime.hang()

    dock.deploy(handler, retryPolicy={"enabled": True})
    task_id = dock.create_task()
    dock.eventually(lambda: runs)

    kill_all(dock)
    task = dock.finish(task_id)

    assert (task["status"], task["error"]["type"]) == ("failed", "invocation")
    assert task["error"]["name"] == "zombieTaskCleaned"
    assert "nobody knows what it did" in task["error"]["message"]
    assert len(runs) == dock.get("/").json()["page"]["total"] == 1
    assert health(dock) == (200, [])  # the engine answers, and the next call is served


def test_a_task_whose_container_vanishes_before_it_got_its_event_is_given_back(
    dock: Dock,
) -> None:
    runs: list[Json] = []
    inits: list[FakeRuntime] = []

    def init(runtime: FakeRuntime) -> None:
        inits.append(runtime)
        if len(inits) == 1:
            runtime.hang()

    dock.deploy_program(serve(counted(runs), init))
    task_id = dock.create_task()
    dock.eventually(lambda: inits)

    kill_all(dock)

    assert dock.finish(task_id)["status"] == "complete"
    assert [event["id"] for event in runs] == [task_id]
    assert dock.get("/").json()["page"]["total"] == 1


def test_a_callers_function_whose_container_vanishes_is_not_blamed(dock: Dock) -> None:
    gate = Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(dock.execute), pool.submit(invoke, dock)]
        dock.eventually(lambda: gate.waiting == 2)
        kill_all(dock)

    executed, invoked = (answer.result() for answer in answers)
    assert summary(executed) == (400, 1405)
    assert (invoked.status_code, invoked.headers["X-Amzn-Errortype"]) == (500, "ServiceException")
    assert all("ContainerLost" in answer.text for answer in (executed, invoked))


def test_an_event_whose_container_vanishes_is_run_again_and_spends_no_attempt(dock: Dock) -> None:
    runs: list[Json] = []

    def handler(event: Json, runtime: FakeRuntime) -> None:
        runs.append(event)
        if len(runs) == 1:
            runtime.hang()

    dock.deploy(handler)
    accept(dock)
    dock.eventually(lambda: runs)

    kill_all(dock)

    dock.eventually(lambda: count(dock, "invocation_completed"))
    assert len(runs) == 2
    assert (count(dock, "invocation_postponed"), count(dock, "invocation_retried")) == (1, 0)


def test_an_event_whose_containers_vanish_each_time_is_not_tried_without_a_pause(
    timed_dock: Dock,
) -> None:
    dock = timed_dock
    inits: list[FakeRuntime] = []

    def init(runtime: FakeRuntime) -> None:
        inits.append(runtime)
        kill_all(dock)

    dock.deploy_program(serve(counted([]), init))

    accept(dock)

    dock.eventually(lambda: count(dock, "invocation_postponed"))
    for tries in (2, 3):
        dock.eventually(lambda: not dock.emulator.tasks.dispatcher.is_busy)
        dock.jump(60)
        dock.eventually(lambda tries=tries: count(dock, "invocation_postponed") == tries)  # type: ignore[misc]
    assert len(inits) == 3
    assert count(dock, "invocation_retried") == 0


# Killed servers


def crash_while_it_waits(first: Dock) -> str:
    """A task whose environment starts when its server is killed."""
    first.engine.starting.clear()
    task_id = first.create_task()
    first.reach(task_id, "inProgress")
    queue = first.emulator.tasks.queue
    first.eventually(lambda: queue._store.rows("SELECT 1 FROM task WHERE waiting = 1"))
    first.crash()
    return task_id


def test_a_task_that_waited_when_its_server_died_is_given_back(start_dock: StartDock) -> None:
    first, runs = start_dock(), list[Json]()
    first.deploy(counted(runs))
    task_id = crash_while_it_waits(first)

    engine = FakeEngine()
    engine.programs["walnut-table"] = serve(counted(runs))
    task = start_dock(engine=engine).finish(task_id)

    assert task["status"] == "complete"
    assert [event["id"] for event in runs] == [task_id]


def test_a_task_that_waited_first_and_had_begun_when_its_server_died_does_not_run_again(
    start_dock: StartDock,
) -> None:
    first, runs = start_dock(), list[Json]()

    def handler(event: Json, runtime: FakeRuntime) -> None:
        runs.append(event)
        runtime.hang()

    first.deploy(handler)
    first.engine.starting.clear()
    task_id = first.create_task()
    store = first.emulator.foundation.store
    first.eventually(lambda: store.rows("SELECT 1 FROM task WHERE waiting = 1"))
    first.engine.starting.set()
    first.eventually(lambda: runs)
    first.crash()

    second = start_dock(engine=first.engine)

    assert second.task(task_id)["error"]["name"] == "zombieTaskCleaned"
    assert len(runs) == 1


def test_a_task_does_not_begin_before_that_is_written(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[Json] = []
    dock.deploy(counted(runs))
    mark, refused = dock.emulator.tasks.queue.mark, threading.Event()

    def refuse(task: Any, *, waiting: bool) -> bool:
        if not waiting and not refused.is_set():
            refused.set()
            assert runs == []
            raise OSError("disk is full")
        return mark(task, waiting=waiting)

    monkeypatch.setattr(dock.emulator.tasks.queue, "mark", refuse)
    dock.engine.starting.clear()
    task_id = dock.create_task()
    store = dock.emulator.foundation.store
    dock.eventually(lambda: store.rows("SELECT 1 FROM task WHERE waiting = 1"))
    dock.engine.starting.set()

    assert dock.finish(task_id)["status"] == "complete"
    assert refused.is_set()
    assert len(runs) == 1


def test_a_direct_execution_that_waited_when_its_server_died_is_not_run_later(
    start_dock: StartDock,
) -> None:
    first = start_dock()
    first.deploy(counted([]))
    first.engine.starting.clear()
    with ThreadPoolExecutor() as pool:
        caller = pool.submit(first.execute)
        first.eventually(lambda: first.get("/").json()["data"])
        (task,) = first.get("/").json()["data"]
        first.crash()

        second = start_dock()

        assert second.task(task["id"])["error"]["name"] == "zombieTaskCleaned"
        first.stop()
    assert caller.result().status_code in (200, 503)  # of a server that was not really killed
