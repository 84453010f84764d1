"""Event invocations of AWS's Lambda API: kept, run, tried again, and not lost."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest

from taskdock.base.errors import StorageError
from taskdock.testing.clock import ManualClock
from taskdock.testing.fakes.runtime import serve
from taskdock.testing.waiting import eventually
from taskdock.testing.zips import base64_of
from tests.support.aws import (
    ARN,
    NAME,
    echo,
    facts,
    function_logs,
    hang,
    lambda_client,
)
from tests.support.builders import LIMIT, Dock, Gate, StartDock

Json = dict[str, Any]


def test_an_event_is_accepted_and_run_later(dock: Dock, aws: Any) -> None:
    seen: list[tuple[Any, str]] = []
    dock.deploy(lambda event, runtime: seen.append((event, runtime.request_id)))

    answer = aws.invoke(FunctionName=NAME, InvocationType="Event", Payload=b'{"wood": "oak"}')

    assert (answer["StatusCode"], answer["Payload"].read()) == (202, b"")
    eventually(lambda: facts(dock, "invocation_completed"))
    assert seen == [({"wood": "oak"}, answer["ResponseMetadata"]["RequestId"])]
    assert any(line.startswith("REPORT") for line in function_logs(dock))


def test_an_accepted_event_has_its_client_context_and_the_arn_of_its_call(
    dock: Dock, aws: Any
) -> None:
    seen: list[tuple[str, str]] = []

    def program(runtime: Any) -> None:
        while True:
            headers, _ = runtime._call("GET", "/invocation/next")
            runtime.request_id = headers["Lambda-Runtime-Aws-Request-Id"]
            names = ("Lambda-Runtime-Client-Context", "Lambda-Runtime-Invoked-Function-Arn")
            seen.append(tuple(headers[name] for name in names))
            runtime.answer(None)

    dock.deploy_program(program)

    aws.invoke(
        FunctionName=f"{NAME}:$LATEST", InvocationType="Event", ClientContext=base64_of(b'{"a":1}')
    )

    eventually(lambda: facts(dock, "invocation_completed"))
    assert seen == [('{"a":1}', f"{ARN}:$LATEST")]


def timed_client(dock: Dock) -> Any:
    return lambda_client(dock.emulator.url)


def attempts(dock: Dock, number: int) -> None:
    """Waits until so many attempts have ended, whichever way."""
    ends = ("invocation_completed", "invocation_retried", "invocation_given_up")
    dock.eventually(lambda: sum(len(facts(dock, end)) for end in ends) >= number)


def test_a_failed_event_is_tried_again_after_one_minute_and_after_two(timed_dock: Dock) -> None:
    dock, seen = timed_dock, []

    def fail(_: Any, runtime: Any) -> None:
        seen.append(runtime.request_id)
        raise ValueError("no legs")

    dock.deploy(fail)
    timed_client(dock).invoke(FunctionName=NAME, InvocationType="Event")
    attempts(dock, 1)

    for seconds, expected in ((59, 1), (1, 2), (119, 2), (1, 3), (600, 3)):
        dock.jump(seconds)
        attempts(dock, expected)
        dock.eventually(lambda: not dock.emulator.tasks.dispatcher.is_busy)
        assert len(seen) == expected

    assert len(set(seen)) == 1
    assert [each["error"] for each in facts(dock, "invocation_given_up")] == ["ValueError"]


def test_giving_up_an_event_that_cannot_be_written_is_not_tried_without_a_pause(
    dock: Dock, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    event_queue, refused = dock.emulator.tasks.event_queue, Event()

    def refuse(_: Any) -> None:
        refused.set()
        raise StorageError("the disk is full")

    monkeypatch.setattr(dock.emulator.tasks.dispatcher, "_held", lambda: True)
    dock.deploy(lambda *_: None)
    aws.invoke(FunctionName=NAME, InvocationType="Event")
    aws.delete_function(FunctionName=NAME)
    with monkeypatch.context() as patch:
        patch.setattr(event_queue, "remove", refuse)
        patch.setattr(dock.emulator.tasks.dispatcher, "_held", lambda: False)
        dock.emulator.tasks.dispatcher.wake()
        assert refused.wait(LIMIT)
        dock.eventually(dock.emulator.health.troubles)
        assert [each.name for each in dock.emulator.health.troubles()] == ["results"]

    eventually(lambda: facts(dock, "invocation_given_up"))
    assert facts(dock, "invocation_broke") == []
    dock.eventually(lambda: not dock.emulator.health.troubles())


@pytest.mark.parametrize(
    "handler", [hang, lambda _, runtime: runtime.exit(1), lambda _, r: r.exhaust_memory()]
)
def test_time_outs_and_crashes_are_tried_again_too(dock: Dock, aws: Any, handler: Any) -> None:
    dock.deploy(handler)
    aws.update_function_configuration(FunctionName=NAME, Timeout=1)

    aws.invoke(FunctionName=NAME, InvocationType="Event")

    eventually(lambda: facts(dock, "invocation_retried"))


def test_an_event_that_succeeds_at_last_is_done(timed_dock: Dock) -> None:
    dock, seen = timed_dock, []

    def limp(_: Any, runtime: Any) -> None:
        seen.append(runtime.request_id)
        if len(seen) == 1:
            raise ValueError("no legs")

    dock.deploy(limp)
    timed_client(dock).invoke(FunctionName=NAME, InvocationType="Event")
    attempts(dock, 1)

    dock.jump(60)
    attempts(dock, 2)

    assert len(facts(dock, "invocation_completed")) == 1
    assert dock.emulator.tasks.event_queue.next_due() is None


def test_what_could_not_be_started_spends_no_attempt_and_expires_after_six_hours(
    timed_dock: Dock,
) -> None:
    dock = timed_dock
    dock.deploy(echo)
    dock.engine.refusal = "no image"
    timed_client(dock).invoke(FunctionName=NAME, InvocationType="Event")
    for number in range(1, 6):
        dock.eventually(lambda: len(facts(dock, "invocation_postponed")) >= number)  # noqa: B023
        dock.jump(300)
    dock.eventually(lambda: len(facts(dock, "invocation_postponed")) >= 6)

    dock.jump(6 * 3600)

    dock.eventually(lambda: facts(dock, "invocation_given_up"))
    assert facts(dock, "invocation_given_up")[0]["error"] == "it is too old"
    assert facts(dock, "invocation_retried") == []


def test_an_event_whose_ending_cannot_be_written_is_not_run_again(
    dock: Dock, aws: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs: list[Any] = []
    dock.deploy(lambda event, runtime: runs.append(event))
    unwritten = dock.emulator.tasks.unwritten

    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(dock.emulator.tasks.event_queue, "remove", full)
        aws.invoke(FunctionName=NAME, InvocationType="Event")
        eventually(lambda: unwritten.owners)
        for _ in range(3):  # it has a place, and time
            dock.emulator.tasks.dispatcher.wake()
            eventually(lambda: not dock.emulator.tasks.dispatcher._wake.is_set())

    eventually(lambda: facts(dock, "invocation_completed"))
    assert len(runs) == 1
    eventually(lambda: not unwritten.owners)


@pytest.mark.parametrize("seconds", [60, 7200])
def test_an_event_is_run_also_when_the_clock_is_set_back(
    start_dock: StartDock, seconds: int
) -> None:
    clock = ManualClock()
    dock = start_dock(clock=clock)
    dock.deploy(echo)
    dock.emulator.tasks.dispatcher.stop()  # before it has taken it
    timed_client(dock).invoke(FunctionName=NAME, InvocationType="Event")
    dock.stop()

    clock.set(clock.now() - timedelta(seconds=seconds))
    again = start_dock(clock=clock, engine=dock.engine)

    again.eventually(lambda: facts(again, "invocation_completed"))


def test_a_retry_is_due_also_when_the_clock_is_set_back_far(timed_dock: Dock) -> None:
    dock, seen = timed_dock, []

    def fail(_: Any, runtime: Any) -> None:
        seen.append(runtime.request_id)
        raise ValueError("no legs")

    dock.deploy(fail)
    dock.jump(3600)
    timed_client(dock).invoke(FunctionName=NAME, InvocationType="Event")
    attempts(dock, 1)

    assert isinstance(dock.clock, ManualClock)
    dock.clock.set(dock.clock.now() - timedelta(hours=1))
    dock.emulator.tasks.dispatcher.wake()

    attempts(dock, 2)


def test_an_event_whose_function_is_gone_is_given_up(timed_dock: Dock) -> None:
    dock = timed_dock
    dock.deploy(lambda _, runtime: runtime.exit(1))
    client = timed_client(dock)
    client.invoke(FunctionName=NAME, InvocationType="Event")
    attempts(dock, 1)

    client.delete_function(FunctionName=NAME)
    dock.jump(60)

    dock.eventually(lambda: facts(dock, "invocation_given_up"))


def test_a_stop_gives_back_what_runs_and_the_next_start_runs_it_again(
    start_dock: StartDock,
) -> None:
    first, seen = start_dock(), []
    first.deploy(hang)
    lambda_client(first.emulator.url).invoke(FunctionName=NAME, InvocationType="Event")
    eventually(lambda: first.states() == ["busy"])
    first.stop()
    assert facts(first, "invocation_released")

    first.engine.programs[NAME] = serve(lambda _, runtime: seen.append(runtime.request_id))
    second = start_dock(engine=first.engine)

    eventually(lambda: facts(second, "invocation_completed"))
    assert len(seen) == 1


def test_an_event_that_ends_during_a_stop_is_written_while_a_task_still_runs(
    start_dock: StartDock,
) -> None:
    dock = start_dock()
    task_gate, event_gate = Gate(), Gate()
    dock.deploy(lambda _, runtime: task_gate.pass_(runtime), "oak-chair")
    dock.deploy(lambda _, runtime: event_gate.pass_(runtime), NAME)
    dock.create_task("oak-chair")
    lambda_client(dock.emulator.url).invoke(FunctionName=NAME, InvocationType="Event")
    dock.eventually(lambda: task_gate.waiting and event_gate.waiting)

    stopping = Thread(target=dock.emulator.stop, args=(30.0,))
    stopping.start()
    event_gate.open()

    try:
        eventually(lambda: facts(dock, "invocation_completed"))
        assert stopping.is_alive()
    finally:
        task_gate.open()
        stopping.join()


def test_a_killed_server_runs_it_again_after_the_restart(start_dock: StartDock) -> None:
    first, gate, seen = start_dock(), Gate(), []

    def handler(event: Any, runtime: Any) -> None:
        seen.append((event, runtime.request_id))
        if len(seen) == 1:
            gate.pass_(runtime)

    first.deploy(handler)
    answer = lambda_client(first.emulator.url).invoke(
        FunctionName=NAME, InvocationType="Event", Payload=b'{"wood": "oak"}'
    )
    eventually(lambda: gate.waiting)
    first.crash()

    second = start_dock(engine=first.engine)

    eventually(lambda: facts(second, "invocation_completed"))
    request_id = answer["ResponseMetadata"]["RequestId"]
    assert seen == [({"wood": "oak"}, request_id)] * 2
