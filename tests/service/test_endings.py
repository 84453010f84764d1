"""How invocations and servers end, expected or not, and that each task gets one true ending."""

from __future__ import annotations

import asyncio
import re
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from taskdock.base.timing.clock import SystemClock
from taskdock.base.timing.limits import Limits
from taskdock.engines.ending import ProgramExit, StartFault, Step
from taskdock.lambdas.environment.environment import Environment
from taskdock.lambdas.environment.mailbox import Mailbox, NextEvent, Receipt
from taskdock.lambdas.environment.operations import Operations
from taskdock.lambdas.lifecycle import Transition
from taskdock.testing.clock import ManualClock
from taskdock.testing.fakes.engine import FakeContainer
from taskdock.testing.fakes.runtime import FakeRuntime, serve
from taskdock.testing.waiting import eventually
from tests.support.builders import Dock, Gate, Json, StartDock, summary

ID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
REPORT = (
    r"REPORT RequestId: ID\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms"
    r"\tMemory Size: 128 MB\tMax Memory Used: \d+ MB(\tInit Duration: [\d.]+ ms)?"
)


# The function's end


def test_an_answer_is_logged_between_start_and_report(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: runtime.print("sawing"))
    task_id = dock.create_task()
    dock.finish(task_id)

    _assert_lines(
        dock.logs(task_id),
        r"START RequestId: ID Version: \$LATEST",
        "sawing",
        "END RequestId: ID",
        REPORT + r"\t",
    )


def test_the_init_duration_is_reported_once(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: None)

    reports = [dock.logs(dock.execute().json()["id"])[-1] for _ in range(3)]

    assert ["Init Duration" in report for report in reports] == [True, False, False]


def test_what_is_printed_during_init_stands_before_the_first_start(dock: Dock) -> None:
    dock.deploy_program(serve(lambda event, runtime: None, lambda runtime: runtime.print("init")))

    first = dock.logs(dock.execute().json()["id"])
    second = dock.logs(dock.execute().json()["id"])

    assert [line.split()[0] for line in first] == ["init", "START", "END", "REPORT"]
    assert [line.split()[0] for line in second] == ["START", "END", "REPORT"]


def test_an_error_of_the_function_has_no_status_in_its_report(dock: Dock) -> None:
    def handler(event: Any, runtime: FakeRuntime) -> None:
        raise ValueError("a table with three legs")

    dock.deploy(handler)
    task_id = dock.create_task()
    dock.finish(task_id)

    _assert_lines(
        dock.logs(task_id), r"START RequestId: ID .*", "END RequestId: ID", REPORT + r"\t"
    )


def test_a_function_that_takes_too_long_times_out(dock: Dock) -> None:
    def handler(event: Any, runtime: FakeRuntime) -> None:
        runtime.print("sawing", end="")
        runtime.hang()

    dock.deploy(handler)
    dock.shorten(time_limit=1)
    task_id = dock.create_task()

    task = dock.finish(task_id)

    assert task["status"] == "failed"
    _assert_error(
        task, "Sandbox.Timedout", "RequestId: ID Error: Task timed out after 1.00 seconds"
    )
    _assert_lines(
        dock.logs(task_id),
        r"START RequestId: ID .*",
        "sawing",
        f"{MOMENT} ID Task timed out after 1.00 seconds",
        "END RequestId: ID",
        REPORT.replace(r"Duration: [\d.]+", "Duration: 1000.00", 1) + r"\tStatus: timeout\t",
    )


def test_a_late_answer_does_not_complete_a_task_that_timed_out(dock: Dock) -> None:
    late, statuses = Gate(), []

    def handler(event: Any, runtime: FakeRuntime) -> None:
        late.pass_(runtime)
        statuses.append(runtime.answer("too late"))
        statuses.append(runtime.fail("TooLate", "too"))

    dock.deploy(handler)
    dock.shorten(time_limit=1)
    dock.engine.stopping.clear()
    task_id = dock.create_task()

    dock.eventually(lambda: any(e.runtime.overdue for e in dock.pool._fleet.values()))
    late.open()
    dock.eventually(lambda: len(statuses) == 2)
    dock.engine.stopping.set()

    task = dock.finish(task_id)
    assert (task["status"], task["error"]["name"]) == ("failed", "Sandbox.Timedout")
    assert statuses == [400, 400]


def test_a_second_answer_is_refused_and_changes_nothing(dock: Dock) -> None:
    statuses: list[int] = []

    def handler(event: Any, runtime: FakeRuntime) -> None:
        statuses.append(runtime.answer("first"))
        statuses.append(runtime.answer("second"))
        statuses.append(runtime.fail("Second", "failure"))

    dock.deploy(handler)

    results = [dock.execute().json() for _ in range(2)]

    assert [result["result"] for result in results] == ["first", "first"]
    assert [dock.status(result["id"]) for result in results] == ["complete", "complete"]
    assert statuses == [202, 403, 403] * 2


def test_an_answer_to_an_earlier_invocation_is_refused_and_changes_nothing(dock: Dock) -> None:
    statuses: list[int] = []
    ids: list[str] = []

    def handler(event: Any, runtime: FakeRuntime) -> None:
        ids.append(runtime.request_id)
        if len(ids) > 1:
            statuses.append(runtime.answer("stray", ids[0]))
        statuses.append(runtime.answer(len(ids)))

    dock.deploy(handler)

    results = [dock.execute().json()["result"] for _ in range(2)]

    assert results == [1, 2]
    assert statuses == [202, 400, 202]


def test_a_runtime_that_asks_again_before_its_answer_gets_the_same_event(dock: Dock) -> None:
    def handler(event: Json, runtime: FakeRuntime) -> bool:
        first = runtime.request_id
        return runtime.next() == event and runtime.request_id == first

    dock.deploy(handler)

    assert dock.execute().json()["result"] is True


@pytest.mark.parametrize(
    ("end", "why"),
    [
        (ProgramExit(code=0), "Runtime exited without providing a reason"),
        (ProgramExit(code=3), "Runtime exited with error: exit status 3"),
        (ProgramExit(code=137), "Runtime exited with error: exit status 137"),
        (ProgramExit(signal=9), "Runtime exited with error: signal: killed"),
        (ProgramExit(signal=13), "Runtime exited with error: signal: broken pipe"),
    ],
)
def test_a_runtime_that_ends_before_its_answer_fails_the_task(
    dock: Dock, end: ProgramExit, why: str
) -> None:
    def handler(event: Any, runtime: FakeRuntime) -> None:
        runtime.print("last words", end="")
        runtime.finish(end)

    dock.deploy(handler)
    task_id = dock.create_task()

    task = dock.finish(task_id)

    assert task["status"] == "failed"
    _assert_error(task, "Runtime.ExitError", f"RequestId: ID Error: {why}")
    _assert_lines(
        dock.logs(task_id),
        r"START RequestId: ID .*",
        "last words",
        f"RequestId: ID Error: {why}",
        r"Runtime\.ExitError",
        "END RequestId: ID",
        REPORT + r"\tStatus: error\tError Type: Runtime\.ExitError\t",
    )


def test_running_out_of_memory_fails_the_task(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: runtime.exhaust_memory())
    task_id = dock.create_task()

    task = dock.finish(task_id)

    why = "RequestId: ID Error: Runtime exited with error: signal: killed"
    assert task["status"] == "failed"
    _assert_error(task, "Runtime.OutOfMemory", why)
    _assert_lines(
        dock.logs(task_id),
        r"START RequestId: ID .*",
        why,
        r"Runtime\.OutOfMemory",
        "END RequestId: ID",
        r"REPORT .*\tMax Memory Used: 128 MB\t.*Status: error\tError Type: Runtime\.OutOfMemory\t",
    )


def test_a_runtime_that_ends_after_its_answer_has_answered(dock: Dock) -> None:
    def handler(event: Any, runtime: FakeRuntime) -> None:
        runtime.answer("done")
        runtime.print("goodbye")
        runtime.exit(1)

    dock.deploy(handler)

    results = [dock.execute().json() for _ in range(2)]

    assert [result["result"] for result in results] == ["done", "done"]
    for result in results:
        log = dock.logs(result["id"])
        assert [line.split()[0] for line in log] == ["START", "goodbye", "END", "REPORT"]


def test_a_runtime_that_has_ended_is_started_again_in_the_same_container(dock: Dock) -> None:
    def handler(event: Any, runtime: FakeRuntime) -> Any:
        if runtime.turn == 1:
            runtime.exit(1)
        return runtime.turn

    dock.deploy(handler)
    assert dock.execute().status_code == 400

    again = dock.execute().json()

    assert again["result"] == 2
    assert len(dock.engine.started) == 1
    assert "Init Duration" not in dock.logs(again["id"])[-1]


def test_the_init_of_a_runtime_that_is_started_again_is_within_the_time_limit(dock: Dock) -> None:
    def init(runtime: FakeRuntime) -> None:
        if runtime.turn == 2:
            runtime.hang()

    dock.deploy_program(serve(lambda event, runtime: runtime.exit(1), init))
    dock.shorten(time_limit=1)
    dock.finish(dock.create_task())

    task_id = dock.create_task()

    assert dock.finish(task_id)["error"]["name"] == "Sandbox.Timedout"
    _assert_lines(
        dock.logs(task_id),
        r"INIT_REPORT Init Duration: \d+\.\d\d ms\tPhase: invoke\tStatus: timeout",
        r"START RequestId: ID .*",
        f"{MOMENT} ID Task timed out after 1.00 seconds",
        "END RequestId: ID",
        REPORT.replace(r"Duration: [\d.]+", "Duration: 1000.00", 1) + r"\tStatus: timeout\t",
    )
    assert dock.execute().status_code == 400
    assert len(dock.engine.started) == 1


def test_an_init_that_fails_once_succeeds_within_the_invocation(dock: Dock) -> None:
    def init(runtime: FakeRuntime) -> None:
        runtime.print(f"init {runtime.turn}")
        if runtime.turn == 1:
            runtime.exit(3)

    dock.deploy_program(serve(lambda event, runtime: "done", init))

    answer = dock.execute().json()

    assert answer["result"] == "done"
    _assert_lines(
        dock.all_logs(answer["id"]),
        r"INIT_START Runtime Version: python:3\.11\tRuntime Version ARN: arn:aws:lambda:.*",
        "init 1",
        r"INIT_REPORT .*\tPhase: init\tStatus: error\tError Type: Runtime\.ExitError",
        "init 2",
        r"START RequestId: ID .*",
        "END RequestId: ID",
        r"REPORT RequestId: ID\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: \d+ MB\tMax Memory Used: \d+ MB\t",
    )


def test_a_runtime_that_cannot_be_stopped_takes_its_container_along(
    start_dock: StartDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = start_dock(limits=Limits(runtime_end=0.1))
    monkeypatch.setattr(FakeContainer, "stop", lambda self: None)
    dock.deploy(lambda event, runtime: runtime.hang())
    dock.shorten(time_limit=1)

    task = dock.finish(dock.create_task())

    assert task["error"]["name"] == "Sandbox.Timedout"
    dock.eventually(lambda: not dock.engine.containers)


def test_a_log_has_an_end(start_dock: StartDock) -> None:
    dock = start_dock(limits=Limits(max_log=1024 * 1024))

    def handler(event: Any, runtime: FakeRuntime) -> Any:
        if "data" not in event:
            for _ in range(3000):
                runtime.print("x" * 1023)
        return "done"

    dock.deploy(handler)

    flood, after = dock.execute().json(), dock.execute(data={"quiet": True}).json()

    *kept, note, end, report = dock.logs(flood["id"])[1:]
    assert len(kept) == 1024 * 1024 // (1023 + 128)
    assert note == "taskdock keeps 1 MB of a log; what follows is left out"
    assert (end.split()[0], report.split()[0]) == ("END", "REPORT")
    assert [line.split()[0] for line in dock.logs(after["id"])] == ["START", "END", "REPORT"]


def test_what_is_printed_after_the_answer_is_in_the_log_before_its_end(dock: Dock) -> None:
    def handler(event: Any, runtime: FakeRuntime) -> None:
        runtime.print("before")
        runtime.answer("done")
        runtime.print("after 1\nafter 2")
        runtime.print("after 3", end="")

    dock.deploy(handler)

    logs = [dock.logs(dock.execute().json()["id"]) for _ in range(2)]

    for log in logs:
        assert log[1:-2] == ["before", "after 1", "after 2", "after 3"]


def test_a_runtime_that_ends_while_it_idles_is_replaced(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: "done")
    dock.execute()
    (container,) = dock.engine.containers.values()

    container.kill()
    dock.eventually(lambda: dock.states() == [])

    assert dock.execute().json()["result"] == "done"
    assert len(dock.engine.started) == 2


# Init's end


def test_an_error_during_init_is_the_tasks_error(dock: Dock) -> None:
    def init(runtime: FakeRuntime) -> None:
        runtime.print("looking for the saw")
        runtime.fail_init("Runtime.ImportModuleError", "No module named 'saw'")
        runtime.exit(1)

    dock.deploy_program(serve(lambda event, runtime: None, init))
    task_id = dock.create_task()

    task = dock.finish(task_id)

    assert task["status"] == "failed"
    _assert_error(task, "Runtime.ImportModuleError", "No module named 'saw'")
    status = r"Status: error\tError Type: Runtime\.ImportModuleError"
    _assert_lines(
        dock.logs(task_id),
        "looking for the saw",
        rf"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\t{status}",
        "looking for the saw",
        rf"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: invoke\t{status}",
        r"START RequestId: ID .*",
        "END RequestId: ID",
        rf"{REPORT}\t{status}\t",
    )


def test_a_runtime_that_stays_after_its_failed_init_is_ended(dock: Dock) -> None:
    def init(runtime: FakeRuntime) -> None:
        runtime.fail_init("Splinter", "in the thumb")
        runtime.hang()

    dock.deploy_program(serve(lambda event, runtime: None, init))

    task = dock.finish(dock.create_task())

    assert task["error"] == {"type": "runtime", "name": "Splinter", "message": "in the thumb"}
    assert dock.states() == ["down"]


def test_a_runtime_that_ends_during_init_fails_the_task(dock: Dock) -> None:
    dock.deploy_program(lambda runtime: runtime.exit(127))
    task_id = dock.create_task()

    task = dock.finish(task_id)

    why = "RequestId: ID Error: Runtime exited with error: exit status 127"
    status = r"Status: error\tError Type: Runtime\.ExitError"
    assert task["status"] == "failed"
    _assert_error(task, "Runtime.ExitError", why)
    _assert_lines(
        dock.logs(task_id),
        rf"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\t{status}",
        rf"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: invoke\t{status}",
        r"START RequestId: ID .*",
        why,
        r"Runtime\.ExitError",
        "END RequestId: ID",
        rf"{REPORT}\t{status}\t",
    )


NOT_THERE = StartFault(Step.PROGRAM, "/var/task/bootstrap", 2)


def test_a_runtime_that_does_not_start_fails_the_task(dock: Dock) -> None:
    dock.deploy_program(lambda runtime: runtime.fail_to_start(NOT_THERE))
    task_id = dock.create_task()

    task = dock.finish(task_id)

    why = "RequestId: ID Error: fork/exec /var/task/bootstrap: no such file or directory"
    status = r"Status: error\tError Type: Runtime\.InvalidEntrypoint"
    assert task["status"] == "failed"
    _assert_error(task, "Runtime.InvalidEntrypoint", why)
    _assert_lines(
        dock.logs(task_id),
        rf"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: init\t{status}",
        rf"INIT_REPORT Init Duration: [\d.]+ ms\tPhase: invoke\t{status}",
        r"START RequestId: ID .*",
        why,
        r"Runtime\.InvalidEntrypoint",
        "END RequestId: ID",
        rf"{REPORT}\t{status}\t",
    )


def test_a_runtime_that_did_not_start_is_tried_again_by_the_next_invocation(dock: Dock) -> None:
    def init(runtime: FakeRuntime) -> None:
        if runtime.turn <= 2:  # the cold start's two
            runtime.fail_to_start(NOT_THERE)

    dock.deploy_program(serve(lambda event, runtime: "done", init))

    first, second = (dock.execute().json() for _ in range(2))

    assert first["runtimeError"]["name"] == "Runtime.InvalidEntrypoint"
    assert second["result"] == "done"
    assert len(dock.engine.started) == 1


def test_memory_can_run_out_during_init(dock: Dock) -> None:
    dock.deploy_program(lambda runtime: runtime.exhaust_memory())

    task = dock.finish(dock.create_task())

    assert task["error"]["name"] == "Runtime.OutOfMemory"


def test_a_runtime_that_never_asks_for_work_times_out(start_dock: StartDock) -> None:
    dock = start_dock(limits=Limits(init=0.5))

    def program(runtime: FakeRuntime) -> None:
        runtime.print("loading")
        runtime.hang()

    dock.deploy_program(program)
    dock.shorten(time_limit=1)
    task_id = dock.create_task()

    task = dock.finish(task_id)

    assert task["status"] == "failed"
    _assert_error(
        task, "Sandbox.Timedout", "RequestId: ID Error: Task timed out after 1.00 seconds"
    )
    lines = dock.logs(task_id)
    assert lines[0] == lines[2] == "loading"
    assert re.fullmatch(r"INIT_REPORT .*\tPhase: init\tStatus: timeout", lines[1])
    assert re.fullmatch(r"INIT_REPORT .*\tPhase: invoke\tStatus: timeout", lines[3])
    assert lines[-1].endswith("\tStatus: timeout\t")
    assert dock.states() == ["down"]


def test_init_may_report_an_error_only_before_the_first_event(dock: Dock) -> None:
    statuses: list[int] = []

    def handler(event: Any, runtime: FakeRuntime) -> None:
        statuses.append(runtime.fail_init("Late", "init is over"))
        statuses.append(runtime.answer("done"))

    dock.deploy(handler)

    assert dock.execute().json()["result"] == "done"
    assert statuses == [403, 202]


# The server's end


def test_a_lost_claim_changes_nothing(dock: Dock) -> None:
    gate = Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime), retryPolicy={"enabled": True})
    task_id = dock.create_task()
    dock.eventually(lambda: gate.waiting)

    dock.emulator.tasks.queue.reclaim(SystemClock(), after=timedelta(0))
    gate.open()

    dock.eventually(lambda: "claim_lost" in [name for name, _ in dock.notices])
    task = dock.task(task_id)
    assert (task["status"], task["error"]["name"]) == ("failed", "zombieTaskCleaned")
    assert dock.get("/").json()["page"]["total"] == 1


def test_a_task_whose_ending_waits_to_be_written_is_not_rescued(
    start_dock: StartDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    dock, gate = start_dock(clock=clock), Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    task_id = dock.create_task()
    dock.eventually(lambda: gate.waiting)
    clock.jump(301)  # claimed so long ago that the rescuer would have it
    with monkeypatch.context() as patch:
        patch.setattr(dock.emulator.tasks.queue, "end", full)
        gate.open()
        dock.eventually(lambda: task_id in dock.emulator.tasks.unwritten.owners)

        dock.emulator.tasks.rescuer.rescue(timedelta(minutes=5))
        troubles = dock.eventually(dock.emulator.health.troubles)

    assert dock.finish(task_id)["status"] == "complete"
    assert [trouble.name for trouble in troubles] == ["results"]
    assert "disk is full" in troubles[0].reason
    dock.eventually(lambda: not dock.emulator.health.troubles())


def test_the_result_of_a_direct_execution_is_answered_also_when_it_cannot_be_written_yet(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[Any] = []
    dock.deploy(lambda event, runtime: runs.append(event) or "done")
    with monkeypatch.context() as patch:
        patch.setattr(dock.emulator.tasks.queue, "end", full)
        answer = dock.execute()

    assert (answer.status_code, answer.json()["result"]) == (200, "done")
    assert dock.finish(answer.json()["id"])["status"] == "complete"
    assert len(runs) == 1


def full(*_: object) -> None:
    raise sqlite3.OperationalError("disk is full")


def test_an_ending_that_cannot_be_written_yet_holds_up_no_other(
    start_dock: StartDock, monkeypatch: pytest.MonkeyPatch
) -> None:
    dock = start_dock(concurrency=1)
    dock.deploy(lambda event, runtime: None)
    dock.deploy(lambda event, runtime: None, "oak-chair")
    queue = dock.emulator.tasks.queue
    end = queue.end

    def fail(task: Any, *ending: Any) -> Any:
        if task.function_name == "walnut-table":
            raise sqlite3.OperationalError("disk is full")
        return end(task, *ending)

    with monkeypatch.context() as patch:
        patch.setattr(queue, "end", fail)
        stuck = dock.create_task()
        dock.eventually(lambda: "write_postponed" in [name for name, _ in dock.notices])
        assert dock.finish(dock.create_task("oak-chair"))["status"] == "complete"
        assert dock.status(stuck) == "inProgress"

    assert dock.finish(stuck)["status"] == "complete"


def test_a_task_that_runs_is_not_rescued(dock: Dock) -> None:
    gate = Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    task_id = dock.create_task()
    dock.eventually(lambda: gate.waiting)

    dock.emulator.tasks.rescuer.rescue(after=timedelta(0))
    gate.open()

    assert dock.finish(task_id)["status"] == "complete"


def test_a_graceful_stop_lets_what_runs_finish(start_dock: StartDock) -> None:
    first, gate = start_dock(concurrency=1), Gate()
    first.deploy(lambda event, runtime: gate.pass_(runtime))
    running, waiting = first.create_task(), first.create_task()
    first.eventually(lambda: gate.waiting)

    with ThreadPoolExecutor() as pool:
        stop = pool.submit(first.stop, 30.0)
        eventually(first.emulator.tasks.worker._stopping.is_set)
        gate.open()
        stop.result()

    second = start_dock(engine=first.engine)
    assert second.status(running) == "complete"
    assert second.finish(waiting)["status"] == "complete"
    assert gate.waiting == 2


def test_a_graceful_stop_gives_back_what_has_not_finished_and_spends_no_attempt(
    start_dock: StartDock,
) -> None:
    first, events = start_dock(), []

    def handler(event: Json, runtime: FakeRuntime) -> None:
        events.append(event)
        if len(events) == 1:
            runtime.hang()

    first.deploy(handler, retryPolicy={"enabled": True})
    task_id = first.create_task()
    first.eventually(lambda: events)
    first.stop(grace=0)

    second = start_dock(engine=first.engine)
    task = second.finish(task_id)

    assert task["status"] == "complete"
    assert "retryForTaskIds" not in task
    assert [event["id"] for event in events] == [task_id, task_id]
    assert second.get("/").json()["page"]["total"] == 1


def test_a_stop_removes_every_container(start_dock: StartDock) -> None:
    dock = start_dock()
    dock.deploy(lambda event, runtime: None)
    dock.deploy(lambda event, runtime: runtime.hang(), "oak-chair")
    dock.execute()
    dock.create_task("oak-chair")
    dock.eventually(lambda: "busy" in dock.states())

    dock.stop(grace=0)

    assert dock.engine.containers == {}


def test_a_direct_execution_is_told_that_the_server_stops(start_dock: StartDock) -> None:
    dock = start_dock()
    dock.deploy(lambda event, runtime: runtime.hang())

    with ThreadPoolExecutor() as pool:
        running = pool.submit(dock.execute)
        dock.eventually(lambda: "busy" in dock.states())
        dock.pool.stop()
        response = running.result()

    assert summary(response) == (503, 1405)


def test_who_waits_for_an_answer_gets_the_grace_too_and_who_comes_then_is_refused(
    start_dock: StartDock,
) -> None:
    dock, gate = start_dock(), Gate()

    def handler(event: Any, runtime: FakeRuntime) -> Json:
        gate.pass_(runtime)
        return {"statusCode": 200}

    dock.deploy(handler)
    invoke = "/2015-03-31/functions/walnut-table/invocations"
    api = "/functions/walnut-table/execute"
    with ThreadPoolExecutor() as pool:
        running = [
            pool.submit(dock.execute),
            pool.submit(dock.get, "/api/walnut-table"),
            pool.submit(dock.call, "POST", invoke, base="", json={}),
        ]
        dock.eventually(lambda: gate.waiting == 3)
        stop = pool.submit(dock.emulator.stop, 30.0)
        eventually(lambda: dock.emulator.lambdas.invoker._closed)

        refused = [
            dock.post(api, {}),
            dock.get("/api/walnut-table"),
            dock.call("POST", invoke, base="", json={}),
        ]
        accepted = dock.create_task()
        gate.open()
        stop.result()

    assert [future.result().status_code for future in running] == [200, 200, 200]
    assert [response.status_code for response in refused] == [503, 503, 503]
    assert all("the server is stopping" in response.text for response in refused)
    assert refused[2].headers["X-Amzn-Errortype"] == "ServiceUnavailableException"
    again = start_dock(engine=dock.engine)
    assert again.finish(accepted)["status"] == "complete"


def test_a_task_whose_server_died_is_failed_as_a_zombie(start_dock: StartDock) -> None:
    first, begun = start_dock(concurrency=1), list[Json]()

    def hang(event: Json, runtime: FakeRuntime) -> None:
        begun.append(event)
        runtime.hang()

    first.deploy(hang, retryPolicy={"enabled": True})
    running, waiting = first.create_task(), first.create_task()
    first.eventually(lambda: begun)
    first.crash()

    first.engine.programs["walnut-table"] = serve(lambda event, runtime: None)
    second = start_dock(engine=first.engine)

    zombie = second.task(running)
    assert zombie["status"] == "failed"
    assert zombie["error"]["name"] == "zombieTaskCleaned"
    assert second.finish(waiting)["status"] == "complete"
    assert second.get("/").json()["page"]["total"] == 2


def test_a_server_sweeps_the_containers_of_its_dead_predecessor(start_dock: StartDock) -> None:
    first = start_dock()
    first.deploy(lambda event, runtime: runtime.hang())
    first.reach(first.create_task(), "inProgress")
    first.eventually(lambda: first.states() == ["busy"])
    first.crash()
    (stray,) = first.engine.containers

    second = start_dock(engine=first.engine)

    assert stray not in second.engine.containers


def test_a_server_leaves_the_containers_of_other_servers_alone(
    start_dock: StartDock, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ours = start_dock()
    ours.deploy(lambda event, runtime: "ours")
    ours.execute()

    theirs = Dock(tmp_path_factory.mktemp("theirs"), engine=ours.engine)
    theirs.stop()

    assert ours.execute().json()["result"] == "ours"
    assert len(ours.engine.started) == 1


def test_a_data_folder_serves_one_server_at_a_time(start_dock: StartDock) -> None:
    first = start_dock()

    with pytest.raises(Exception, match="another taskdock uses the data folder"):
        start_dock()

    assert first.get("/").status_code == 200


def test_stopping_twice_is_harmless_and_leaves_no_thread(start_dock: StartDock) -> None:
    before = set(threading.enumerate())
    dock = start_dock()
    started = [
        thread
        for thread in set(threading.enumerate()) - before
        if not thread.name.startswith(("stopping", "close-"))  # of earlier tests: see stop_later
    ]

    dock.emulator.stop(0)
    dock.emulator.stop(0)

    assert len(started) > 5
    assert [thread.name for thread in started if thread.is_alive()] == []


def _assert_error(task: Json, name: str, message: str) -> None:
    assert (task["error"]["type"], task["error"]["name"]) == ("runtime", name)
    assert re.fullmatch(message.replace("ID", ID), task["error"]["message"])


def _assert_lines(lines: list[str], *patterns: str) -> None:
    """Each line is its pattern, in which ID is the id of the one request."""
    ids = set(re.findall(ID, "\n".join(lines)))
    assert len(ids) == 1, lines
    shown = [line.replace(min(ids), "ID") for line in lines]
    assert len(shown) == len(patterns), shown
    for pattern, line in zip(patterns, shown, strict=True):
        assert re.fullmatch(pattern, line), (pattern, line)


def test_a_call_that_timed_out_says_so_whatever_becomes_of_its_environment(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another call may need the room of an environment whose runtime has just been ended."""
    end = Operations.end

    async def end_and_retire(itself: Operations, environment: Environment) -> None:
        await end(itself, environment)
        environment.move(Transition.RETIRED)

    monkeypatch.setattr(Operations, "end", end_and_retire)
    dock.deploy(lambda event, runtime: runtime.hang())
    dock.shorten("walnut-table", time_limit=1)

    task = dock.finish(dock.create_task())

    assert task["error"]["name"] == "Sandbox.Timedout"


def test_an_answer_that_comes_with_the_end_of_its_time_is_too_late(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that were taken would free the environment for another call, which would lose the
    runtime that is ended."""
    offer, receipts = Mailbox.offer, []

    def offer_and_answer_late(mailbox: Mailbox, event: NextEvent, reply: Any) -> None:
        offer(mailbox, event, reply)

        def answer_late() -> None:
            receipts.append(mailbox.answer(event.request_id, b"1"))

        asyncio.get_running_loop().call_later(1, answer_late)
        time.sleep(1.01)  # the time limit and the answer are due in the same turn of the loop

    monkeypatch.setattr(Mailbox, "offer", offer_and_answer_late)
    dock.deploy(lambda event, runtime: runtime.hang())
    dock.shorten(time_limit=1)

    task = dock.finish(dock.create_task())

    assert task["error"]["name"] == "Sandbox.Timedout"
    assert receipts == [Receipt.UNKNOWN_ID]
