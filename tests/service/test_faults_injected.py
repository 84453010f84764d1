"""Faults that a test injects: the same bodies, log lines and errors as the real ones, at once."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from click.testing import CliRunner, Result

from taskdock.base.timing.limits import Limits
from taskdock.commands import main
from taskdock.engines.ending import ProgramExit
from taskdock.testing.clock import ManualClock
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.aws import NAME, facts, lambda_client
from tests.support.builders import LIMIT, Dock, Gate, StartDock, summary
from tests.support.seen import MARK, WAYS

Json = dict[str, Any]

OTHER = "java21"  # its errors are those that the fake programs post


def fault(dock: Dock, kind: str, function: str = NAME, **fields: Any) -> Json:
    """Injects a fault; what the server says of it."""
    body = {"functionName": function, "fault": kind, **fields}
    answer = dock.call("POST", "/faults", base="/taskdock", json=body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def clear(dock: Dock, id: str = "") -> int:
    answer = dock.call("DELETE", f"/faults/{id}".rstrip("/"), base="/taskdock")
    assert answer.status_code == 200, answer.text
    return int(answer.json()["affectedRecords"])


def faults(dock: Dock) -> list[Json]:
    answer = dock.call("GET", "/faults", base="/taskdock")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


def seen(dock: Dock, aws: Any, arrange: Callable[[], object] = lambda: None) -> Json:
    """What is seen by every API, after `arrange` each time."""
    found = {}
    for way, look in WAYS.items():
        arrange()
        found[way] = look(dock, aws)
    return found


def retire(dock: Dock) -> None:
    dock.pool.retire_others(NAME, frozenset())
    dock.eventually(lambda: not dock.pool.snapshot(), "every environment is gone")


def runs(dock: Dock) -> int:
    """How often a container has run a program."""
    return len(dock.fake.ran)


# The same as the real ones


def crash(runtime: FakeRuntime) -> None:
    runtime.exit(1)


def exhaust(runtime: FakeRuntime) -> None:
    runtime.exhaust_memory()


def smtp_down(runtime: FakeRuntime) -> None:
    runtime.post(
        f"/invocation/{runtime.request_id}/error",
        b'{"errorType":"SmtpDown","errorMessage":"no answer"}',
    )


@dataclass(frozen=True)
class Real:
    """A fault, and how a program has it by itself."""

    kind: str
    happens: Callable[[FakeRuntime], Any]
    log_format: str = "Text"


@pytest.mark.parametrize(
    "real",
    [
        Real("error", smtp_down),
        Real("timeout", FakeRuntime.hang),
        Real("out_of_memory", exhaust),
        Real("crash", crash),
        Real("crash", crash, "JSON"),
    ],
    ids=lambda real: f"{real.kind}-{real.log_format}",
)
def test_a_fault_of_a_running_function_is_seen_as_the_real_one(
    dock: Dock, aws: Any, real: Real
) -> None:
    healthy = True

    def handler(_: Any, runtime: FakeRuntime) -> Any:
        return {"statusCode": 200} if healthy else real.happens(runtime)

    variables = {"AWS_LAMBDA_LOG_FORMAT": {"value": real.log_format}}
    dock.deploy(handler, runtime=OTHER, environmentVariables=variables)
    dock.shorten(time_limit=1)
    dock.service.warm_up(NAME)
    healthy = False
    by_itself = seen(dock, aws)
    healthy = True
    dock.service.warm_up(NAME)
    before = runs(dock)

    named = {"name": "SmtpDown", "message": "no answer"} if real.kind == "error" else {}
    fault(dock, real.kind, **named)
    injected = seen(dock, aws)

    assert injected == by_itself
    assert runs(dock) == before, "an injected fault needs no container"


def test_a_failed_init_is_seen_as_the_real_one(dock: Dock, aws: Any) -> None:
    dock.deploy_program(crash, runtime=OTHER)
    by_itself = seen(dock, aws, lambda: retire(dock))
    before = runs(dock)

    fault(dock, "init_error")
    injected = seen(dock, aws)

    assert injected == by_itself
    assert runs(dock) == before
    assert any("INIT_REPORT" in line for line in injected["task"]["log"])


def test_an_error_that_the_init_reports_is_seen_as_the_real_one(dock: Dock, aws: Any) -> None:
    def program(runtime: FakeRuntime) -> None:
        runtime.post("/init/error", b'{"errorType":"NoConfig","errorMessage":"no file"}')
        runtime.exit(1)

    dock.deploy_program(program, runtime=OTHER)
    by_itself = seen(dock, aws, lambda: retire(dock))

    fault(dock, "init_error", name="NoConfig", message="no file")
    injected = seen(dock, aws)

    assert injected == by_itself


def test_a_cold_start_is_seen_as_the_real_one(dock: Dock, aws: Any) -> None:
    dock.deploy(lambda *_: {"statusCode": 200})
    by_itself = seen(dock, aws, lambda: retire(dock))
    dock.service.warm_up(NAME)
    before = runs(dock)

    fault(dock, "cold_start")
    injected = seen(dock, aws)

    for each in (by_itself, injected):  # it has the task's own times
        each["execution"].pop("body")
    assert injected == by_itself
    assert runs(dock) == before + len(WAYS)


def test_a_throttle_is_seen_as_the_real_one(start_dock: StartDock) -> None:
    dock, gate = start_dock(direct_concurrency=1), Gate()
    aws = lambda_client(dock.url)
    dock.deploy(lambda _, runtime: gate.pass_(runtime), timeLimit=30)
    ways = ("invoke", "execution", "API function")
    with ThreadPoolExecutor(1) as caller:
        held = caller.submit(dock.execute)
        dock.eventually(lambda: gate.waiting == 1, "the only place is taken")
        by_itself = {way: WAYS[way](dock, aws) for way in ways}
        gate.open()
        assert held.result(LIMIT).status_code == 200

    fault(dock, "throttle")
    injected = {way: WAYS[way](dock, aws) for way in ways}

    assert injected["invoke"]["status"] == 429
    for each in (by_itself, injected):  # where the limit is reached, there is no request yet
        each["API function"].pop("error")
    assert injected == by_itself
    aws.close()


def test_a_task_that_is_throttled_fails_without_an_attempt_of_its_function(dock: Dock) -> None:
    dock.deploy(lambda *_: {}, retryPolicy={"enabled": True, "errorsToRetry": ["SmtpDown"]})

    fault(dock, "throttle")
    task = dock.finish(dock.create_task())

    assert (task["status"], task["error"]["type"]) == ("failed", "invocation")
    assert task["error"]["name"] == "TooManyRequestsException"
    assert runs(dock) == 0


def test_an_event_that_is_throttled_waits_and_spends_no_attempt(
    timed_dock: Dock, clock: ManualClock
) -> None:
    dock, aws = timed_dock, lambda_client(timed_dock.url)
    done = threading.Event()
    dock.deploy(lambda *_: done.set())
    fault(dock, "throttle", times=3)

    aws.invoke(FunctionName=NAME, InvocationType="Event", Payload=b"{}")

    for count in range(1, 4):
        told = dock.eventually(
            lambda count=count: facts(dock, "invocation_postponed")[count - 1 : count]
        )
        assert told[0]["error"] == "Rate Exceeded."
        dock.jump(300)
    assert done.wait(LIMIT)
    assert not facts(dock, "invocation_retried")
    aws.close()


def test_no_capacity_is_seen_as_the_real_one_and_at_once(start_dock: StartDock) -> None:
    dock = start_dock(memory_budget=128, limits=Limits(patience=0.2, task_patience=0.2))
    aws, gate = lambda_client(dock.url), Gate()
    dock.deploy(lambda _, runtime: gate.pass_(runtime), "oak-chair")
    dock.deploy(lambda *_: {})
    with ThreadPoolExecutor(1) as caller:
        held = caller.submit(dock.execute, "oak-chair")
        dock.eventually(lambda: gate.waiting == 1, "all memory is held")
        by_itself = seen(dock, aws)

        fault(dock, "no_capacity")
        injected = seen(dock, aws)

        assert injected == by_itself
        assert "NoCapacity" in injected["task"]["error"]
        gate.open()
        assert held.result(LIMIT).status_code == 200
    aws.close()


def test_no_capacity_waits_for_nothing_where_patience_is_long(start_dock: StartDock) -> None:
    dock = start_dock(limits=Limits(patience=3600.0))
    dock.deploy(lambda *_: {})

    fault(dock, "no_capacity")

    answer = dock.execute()
    assert summary(answer) == (400, 1405)
    assert "within 3600 s" in answer.json()["message"]


# What is injected


def test_a_timeout_of_five_minutes_takes_no_time(dock: Dock) -> None:
    dock.deploy(lambda *_: {}, timeLimit=300)

    fault(dock, "timeout")
    task = dock.finish(dock.create_task())

    assert task["error"]["message"].endswith("Error: Task timed out after 300.00 seconds")
    report = dock.logs(task["id"])[-1]
    assert "\tDuration: 300000.00 ms\t" in report
    assert "\tStatus: timeout\t" in report


def test_the_log_marks_what_is_injected_behind_its_start(dock: Dock) -> None:
    dock.deploy(lambda *_: {})
    added = fault(dock, "error", name="SmtpDown", times=2)

    task = dock.finish(dock.create_task())

    lines = dock.logs(task["id"])
    assert lines[0].startswith("START ")
    assert lines[1] == f"{MARK}error SmtpDown ({added['id']}, use 1 of 2)"
    assert lines[2] == "[ERROR] SmtpDown: injected by taskdock\nTraceback (most recent call last):"


def test_a_log_in_json_stays_json(dock: Dock) -> None:
    dock.deploy(lambda *_: {}, environmentVariables={"AWS_LAMBDA_LOG_FORMAT": {"value": "JSON"}})
    added = fault(dock, "error", name="SmtpDown")

    task = dock.finish(dock.create_task())

    lines = [json.loads(line) for line in dock.logs(task["id"])]
    assert lines[1]["type"] == "taskdock.injectedFault"
    assert lines[1]["record"]["fault"] == f"error SmtpDown ({added['id']}, use 1)"
    assert lines[2]["errorType"] == "SmtpDown"


def test_a_refusal_leaves_the_mark_alone_in_the_log(dock: Dock) -> None:
    dock.deploy(lambda *_: {})
    added = fault(dock, "no_capacity")

    task = dock.finish(dock.create_task())

    assert dock.logs(task["id"]) == [f"{MARK}no_capacity ({added['id']}, use 1)"]


def test_injected_errors_are_retried_as_real_ones(timed_dock: Dock, clock: ManualClock) -> None:
    dock = timed_dock
    dock.deploy(lambda *_: {}, retryPolicy={"enabled": True})
    fault(dock, "error", name="SmtpDown", times=2)

    first = dock.create_task()
    dock.reach(first, "retried")
    dock.jump(2)
    dock.eventually(lambda: len(dock.service.tasks("eq(status,retried)")) == 2)
    dock.jump(5)
    done = dock.eventually(lambda: dock.service.tasks("eq(status,complete)"))

    assert len(done[0]["retryForTaskIds"]) == 2
    assert [task["error"]["name"] for task in dock.service.tasks("eq(status,retried)")] == [
        "SmtpDown",
        "SmtpDown",
    ]


def test_an_asynchronous_invocation_is_retried_after_an_injected_error(
    timed_dock: Dock, clock: ManualClock
) -> None:
    dock, aws = timed_dock, lambda_client(timed_dock.url)
    done = threading.Event()
    dock.deploy(lambda *_: done.set())
    fault(dock, "crash", times=1)

    aws.invoke(FunctionName=NAME, InvocationType="Event", Payload=b"{}")

    dock.eventually(lambda: facts(dock, "invocation_retried"), "the first attempt has failed")
    dock.jump(60)
    assert done.wait(LIMIT)
    aws.close()


def test_the_warm_environment_is_left_alone(dock: Dock) -> None:
    dock.deploy(lambda *_: {})
    dock.service.warm_up(NAME)
    before = runs(dock), [slot.id for slot in dock.pool.snapshot()]
    for kind in ("timeout", "crash", "out_of_memory", "init_error", "throttle", "cold_start"):
        fault(dock, kind, times=1)
        dock.finish(dock.create_task())

    dock.service.warm_up(NAME)

    assert runs(dock) == before[0] + 1, "only the cold start has run something"
    dock.eventually(lambda: [slot.id for slot in dock.pool.snapshot()] == before[1])


# Delay


def test_a_delayed_function_gets_its_event_later_within_its_time(dock: Dock) -> None:
    dock.deploy(lambda *_: {"done": True})
    dock.service.warm_up(NAME)
    fault(dock, "delay", seconds=0.25)

    answer = dock.execute()

    assert answer.json()["result"] == {"done": True}
    (report,) = [line for line in dock.logs(answer.json()["id"]) if line.startswith("REPORT")]
    assert float(report.partition("Duration: ")[2].partition(" ms")[0]) >= 250


def test_a_delay_longer_than_the_time_limit_is_a_time_out(dock: Dock) -> None:
    ran = threading.Event()
    dock.deploy(lambda *_: ran.set())
    dock.shorten(time_limit=1)
    fault(dock, "delay", seconds=900)

    task = dock.finish(dock.create_task())

    assert task["error"]["name"] == "Sandbox.Timedout"
    assert not ran.is_set(), "the function has never got the event"


def test_a_stop_does_not_wait_for_a_delay(start_dock: StartDock) -> None:
    dock = start_dock(stop_grace=0.0)
    dock.deploy(lambda *_: {}, timeLimit=300)
    fault(dock, "delay", seconds=250)
    task = dock.create_task()
    dock.eventually(lambda: "busy" in dock.states(), "the delay has begun")

    dock.stop()  # the test's own limit of time would end it

    assert [name for name, _ in dock.notices if name == "task_released"] == ["task_released"]
    assert task


def test_an_environment_that_ends_during_a_delay_is_told(dock: Dock) -> None:
    dock.deploy(lambda *_: {}, timeLimit=300)
    dock.finish(dock.create_task())  # an environment that is warm begins with the delay at once
    fault(dock, "delay", seconds=250)
    task = dock.create_task()
    dock.eventually(lambda: "busy" in dock.states(), "the delay has begun")

    (container,) = dock.fake.containers.values()
    container.runtime.finish(ProgramExit(signal=9))

    failed = dock.finish(task)
    assert failed["error"]["message"].endswith("Runtime exited with error: signal: killed")


# Which invocation gets which fault


def test_two_of_eight_calls_at_once_get_a_fault_for_two(dock: Dock) -> None:
    dock.deploy(lambda *_: {})
    fault(dock, "crash", times=2)

    with ThreadPoolExecutor(8) as callers:
        statuses = sorted(callers.map(lambda _: dock.execute().status_code, range(8)))

    assert statuses == [200] * 6 + [400] * 2
    assert faults(dock)[0]["used"] == 2


def test_the_oldest_fault_that_still_applies_goes_first(dock: Dock) -> None:
    dock.deploy(lambda *_: {})
    fault(dock, "error", name="First", times=1)
    fault(dock, "error", name="Second", times=1)
    fault(dock, "error", name="Third")

    names = [dock.execute().json()["runtimeError"]["name"] for _ in range(4)]

    assert names == ["First", "Second", "Third", "Third"]
    assert [each["used"] for each in faults(dock)] == [1, 1, 2]


def test_a_fault_is_for_its_function_alone(dock: Dock) -> None:
    dock.deploy(lambda *_: {})
    dock.deploy(lambda *_: {}, "oak-chair")
    fault(dock, "crash", "oak-chair")

    assert dock.execute().status_code == 200
    assert dock.execute("oak-chair").status_code == 400


def test_the_same_seed_gives_the_same_sequence(dock: Dock) -> None:
    dock.deploy(lambda *_: {})
    sequences = []
    for seed in (7, 7, 8):
        fault(dock, "crash", probability=0.5, seed=seed)
        sequences.append([dock.execute().status_code for _ in range(12)])
        assert clear(dock) == 1

    assert sequences[0] == sequences[1] != sequences[2]
    assert set(sequences[0]) == {200, 400}


def test_a_fault_without_a_seed_tells_the_one_that_it_has_drawn(dock: Dock) -> None:
    dock.deploy(lambda *_: {})

    added = fault(dock, "crash", probability=1)

    assert isinstance(added["seed"], int)
    assert dock.execute().status_code == 400


def test_what_is_removed_is_injected_no_more(dock: Dock) -> None:
    dock.deploy(lambda *_: {})
    first, second = fault(dock, "crash"), fault(dock, "timeout")

    assert clear(dock, first["id"]) == 1
    assert [each["id"] for each in faults(dock)] == [second["id"]]
    assert clear(dock) == 1
    assert clear(dock) == 0
    assert dock.execute().status_code == 200


def test_a_reset_removes_faults_unless_it_keeps_them(dock: Dock) -> None:
    dock.deploy(lambda *_: {})
    fault(dock, "crash")

    for keep, left in ((["faults"], 1), ([], 0)):
        answer = dock.call("POST", "/reset", base="/taskdock", json={"keep": keep})
        assert answer.status_code == 200, answer.text
        assert len(faults(dock)) == left


def test_a_fault_is_not_spent_on_an_invocation_that_is_refused_before(dock: Dock) -> None:
    dock.deploy(lambda *_: {})
    dock.emulator.catalog.update(NAME, enabled=False)
    fault(dock, "crash", times=1)

    assert dock.execute().status_code == 400
    assert faults(dock)[0]["used"] == 0


# Bad input


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"fault": "timeuot"}, "there is no fault 'timeuot'; did you mean timeout?"),
        ({"fault": "crash", "times": 0}, "times is 0; write 1 or more, or leave it out for always"),
        ({"fault": "crash", "times": -3}, "times is -3; write 1 or more"),
        ({"fault": "crash", "probability": 0}, "probability is 0; write more than 0 and up to 1"),
        ({"fault": "crash", "probability": 1.5}, "probability is 1.5; write more than 0"),
        ({"fault": "crash", "seed": 3}, "a seed goes with a probability"),
        ({"fault": "delay"}, "a delay needs seconds, such as 0.2"),
        ({"fault": "delay", "seconds": 0}, "seconds are more than 0, 900 at most"),
        ({"fault": "delay", "seconds": 1e9}, "seconds are more than 0, 900 at most"),
        ({"fault": "crash", "seconds": 1}, "seconds go with the fault delay, not with crash"),
        ({"fault": "timeout", "name": "X"}, "name and message go with the faults error and"),
        ({"fault": "error", "name": " "}, "name is the type of the error, on one line"),
        ({"fault": "init_error", "message": "no"}, "an init_error with a message needs a name"),
        ({"fault": "crash", "times": 1.5}, "times has to be a whole number"),
        ({"fault": "crash", "times": True}, "times has to be a whole number"),
    ],
)
def test_what_no_fault_can_be_is_refused_in_a_sentence(
    shared: Dock, fields: Json, message: str
) -> None:
    body = {"functionName": NAME, **fields}

    answer = shared.call("POST", "/faults", base="/taskdock", json=body)

    assert summary(answer) == (400, 15)
    assert answer.json()["message"].startswith(message)


@pytest.mark.parametrize("fields", [{"fault": "crash"}, {"functionName": NAME}])
def test_what_is_missing_is_named(shared: Dock, fields: Json) -> None:
    answer = shared.call("POST", "/faults", base="/taskdock", json=fields)

    assert summary(answer) == (400, 14)


def test_an_unknown_function_is_refused_and_the_one_that_is_meant_is_named(dock: Dock) -> None:
    dock.deploy(lambda *_: {})
    body = {"functionName": "walnut-tabel", "fault": "crash"}

    answer = dock.call("POST", "/faults", base="/taskdock", json=body)

    assert summary(answer) == (404, 16)
    assert "there is no function 'walnut-tabel'; did you mean walnut-table?" in answer.text
    assert faults(dock) == []


def test_an_unknown_fault_cannot_be_removed(shared: Dock) -> None:
    answer = shared.call("DELETE", "/faults/6b0b6cae6a015e24d30089fa", base="/taskdock")

    assert summary(answer) == (404, 16)


# The command


@pytest.fixture
def taskdock(dock: Dock) -> Callable[..., Result]:
    dock.deploy(lambda *_: {})

    def call(*words: str) -> Result:
        return CliRunner().invoke(main, ["faults", *words], env={"TASKDOCK_URL": dock.url})

    return call


def test_the_command_adds_lists_and_clears(dock: Dock, taskdock: Callable[..., Result]) -> None:
    first = taskdock("add", NAME, "error", "--name", "SmtpDown", "--times", "2").stdout.strip()
    second = taskdock("add", NAME, "delay", "--seconds", "0.2", "--probability", "0.5", "--seed=7")
    assert dock.execute().status_code == 400

    rows = [line.split() for line in taskdock("list").stdout.splitlines()]
    assert rows[0] == ["ID", "FUNCTION", "FAULT", "USED", "OF"]
    assert rows[1] == [first, NAME, "error", "SmtpDown", "1", "2"]
    assert rows[2][1:] == [
        NAME,
        *["delay", "of", "0.2", "s", "0", "0.5", "of", "all,", "seed", "7"],
    ]
    as_json = json.loads(taskdock("list", "--json").stdout)
    assert [each["id"] for each in as_json] == [first, second.stdout.strip()]

    assert taskdock("off", first).stdout == f"error SmtpDown of {NAME} is off\n"
    assert taskdock("list").stdout.splitlines()[1].split()[-1] == "off"
    assert taskdock("on", first).stdout == f"error SmtpDown of {NAME} is on\n"
    assert taskdock("clear", first).stdout == f"removed  {first}\n"
    assert taskdock("clear").stdout == "removed  1 fault\n"
    assert "no faults; inject one with" in taskdock("list").stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("add", "walnut-tabel", "crash"), "there is no function walnut-tabel; did you mean"),
        (("add", NAME, "crahs"), "there is no fault 'crahs'; did you mean crash?"),
        (("add", NAME, "crash", "--times", "0"), "times is 0; write 1 or more"),
        (("add", NAME, "crash", "--probability", "2"), "probability is 2.0; write more than 0"),
        (
            ("add", NAME, "crash", "--probability", "nan"),
            "--probability has to be a number, not 'nan'",
        ),
        (("off", "6b0b6cae6a015e24d30089fa"), "there is no fault 6b0b6cae6a015e24d30089fa"),
        (("clear", "6b0b6cae6a015e24d30089fa"), "there is no fault 6b0b6cae6a015e24d30089fa"),
    ],
)
def test_the_command_refuses_in_a_sentence(
    taskdock: Callable[..., Result], words: tuple[str, ...], message: str
) -> None:
    refused = taskdock(*words)

    assert refused.exit_code in (1, 2)
    assert message in refused.stderr
    assert "Traceback" not in refused.output
