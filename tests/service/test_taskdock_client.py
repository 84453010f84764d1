"""`Taskdock`, the client of the harness, over real HTTP to a server on a FakeEngine."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from taskdock.testing import (
    BadData,
    BadField,
    BadRecording,
    BadTaskConfig,
    BuildFailed,
    ClockStandsStill,
    Dock,
    ExecutionFailed,
    FakeEngine,
    Fault,
    MalformedCall,
    NotInTime,
    NotSupported,
    ServerUnreachable,
    ServiceError,
    Taskdock,
    UnknownFunction,
    UnknownTask,
    eventually,
    matching,
    running,
    serve,
)
from taskdock.testing.client.access import HarnessAccess
from taskdock.testing.client.steering.runs import RunControl

POLICY = {"enabled": True}


def work(event: Any, runtime: Any) -> Any:
    data = event.get("data") or {}
    if "fail" in data:
        raise ValueError(data["fail"])
    runtime.print(f"hello {data.get('name')}")
    return data


@pytest.fixture(scope="module")
def docks() -> Iterator[Dock]:
    with running(engine=FakeEngine(), clock="auto") as dock:
        dock.deploy(work, "welcome-mail", retryPolicy=POLICY)
        dock.deploy(work, "report")
        yield dock


@pytest.fixture
def dock(docks: Dock) -> Dock:
    docks.reset(mode="auto")
    return docks


# Tasks


def test_a_task_is_waited_for(dock: Dock) -> None:
    task = dock.tasks.create("welcome-mail", {"name": "Ada"}, tags=["signup"], priority=7)

    done = task.wait()

    assert (task.status, done.status) == ("new", "complete")
    assert (done.id, done.function, done.data) == (task.id, "welcome-mail", {"name": "Ada"})
    assert (done.tags, done.priority, done.error, done.delay) == (["signup"], 7, None, 0)
    assert "hello Ada" in done.log
    assert done.ended is not None
    assert done.ended >= done.start >= done.created
    assert done.chain == [done]


def test_a_wait_follows_the_retries_to_the_last_attempt(dock: Dock) -> None:
    last = dock.tasks.create("welcome-mail", {"fail": "no such table"}).wait()

    assert (last.status, last.error.name, last.error.message) == (  # type: ignore[union-attr]
        "failed",
        "ValueError",
        "no such table",
    )
    assert [(task.status, task.delay) for task in last.chain] == [
        ("retried", 0),
        ("retried", 2),
        ("retried", 5),
        ("failed", 10),
    ]


def test_each_attempt_knows_the_whole_chain(dock: Dock) -> None:
    first = dock.tasks.create("welcome-mail", {"fail": "again"})
    last = first.wait()

    assert first.chain == last.chain
    assert first.chain[1].reload().chain == last.chain
    assert [task.delay for task in dock.tasks.of("welcome-mail")] == [0, 2, 5, 10]


def test_tasks_are_found_by_their_start_however_many(dock: Dock) -> None:
    dock.clock.switch("manual")
    for minutes in range(60, 0, -1):
        dock.tasks.create("report", start_in=timedelta(minutes=minutes))

    starts = [task.start for task in dock.tasks.of("report")]

    assert len(starts) == 60
    assert starts == sorted(starts)
    assert dock.tasks.of("welcome-mail") == []
    assert len(dock.tasks.find("eq(status,new)")) == len(dock.tasks.all()) == 60


def test_a_task_starts_when_it_was_told_to(dock: Dock) -> None:
    now = dock.clock.now

    relative = dock.tasks.create("report", start_in="1h30m")
    absolute = dock.tasks.create("report", start=now + timedelta(days=1))

    assert relative.start - now == timedelta(minutes=90)
    assert absolute.start - now == timedelta(days=1)
    with pytest.raises(ValueError, match="not both"):
        dock.tasks.create("report", start_in=1, start=now)


def test_a_canceled_task_has_ended(dock: Dock) -> None:
    task = dock.tasks.create("report", start_in="1h")

    task.cancel()

    assert task.wait().status == "canceled"
    assert task.log == ""
    with pytest.raises(ServiceError, match="ILLEGAL_STATE"):
        task.cancel()


def test_an_unknown_task_is_refused(dock: Dock) -> None:
    with pytest.raises(UnknownTask, match="5e9fff9d90135a2a9a718e2f"):
        dock.tasks.get("5e9fff9d90135a2a9a718e2f")


def test_a_wait_without_an_end_says_what_it_waited_for(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: runtime.hang(), "hangs")
    task = dock.tasks.create("hangs")

    with pytest.raises(NotInTime, match=rf"of hangs .* within 0\.1 s: {task.id} (new|inProgress)"):
        task.wait(timeout=0.1)
    dock.reset(grace=0)


def test_a_wait_on_a_clock_that_stands_still_fails_at_once(dock: Dock) -> None:
    dock.clock.switch("manual")
    task = dock.tasks.create("report", start_in="1h")

    with pytest.raises(ClockStandsStill, match=r"report in 3600 s"):
        task.wait()


# Executions


def test_an_execution_has_its_result_and_what_its_report_says(dock: Dock) -> None:
    dock.execute("report")

    execution = dock.execute("report", {"name": "Ada"})

    assert execution.result == {"name": "Ada"}
    assert "hello Ada" in execution.log.splitlines()
    assert execution.memory_used > 0
    assert execution.duration > 0
    assert not execution.cold
    assert execution.error is None
    assert dock.tasks.get(execution.task_id).status == "complete"


def test_the_first_execution_of_a_function_is_cold(dock: Dock) -> None:
    dock.deploy(work, "new-one")

    assert dock.execute("new-one").cold


def test_a_function_that_fails_fails_the_test_and_shows_its_log(dock: Dock) -> None:
    with pytest.raises(ExecutionFailed, match="report failed with ValueError: boom") as caught:
        dock.execute("report", {"fail": "boom"})

    assert (caught.value.name, caught.value.message) == ("ValueError", "boom")
    assert "REPORT RequestId" in str(caught.value)
    assert isinstance(caught.value, AssertionError)


def test_a_failure_that_a_test_expects_is_a_value(dock: Dock) -> None:
    execution = dock.execute("report", {"fail": "boom"}, check=False)

    assert execution.error is not None
    assert (execution.error.name, execution.error.message) == ("ValueError", "boom")
    assert (execution.result, execution.duration > 0) == (None, True)


@pytest.mark.parametrize("fault", [Fault.throttle(), Fault.no_capacity()])
def test_an_execution_that_does_not_begin_has_failed_too(dock: Dock, fault: Fault) -> None:
    dock.faults.add("report", fault, times=1)

    error = dock.execute("report", check=False).error

    assert error is not None
    assert error.name.endswith("_EXCEPTION")


TYPOS: dict[str, Callable[[Dock], object]] = {
    "execute": lambda dock: dock.execute("reprot"),
    "faults.add": lambda dock: dock.faults.add("reprot", Fault.timeout()),
    "tasks.of": lambda dock: dock.tasks.of("reprot"),
    "schedules.of": lambda dock: dock.schedules.of("reprot"),
    "runs.of": lambda dock: dock.runs.of("reprot"),
    "runs.since": lambda dock: dock.runs.since(0, "reprot"),
    "assert_enqueued": lambda dock: dock.assert_enqueued("reprot", within="1h"),
    "refute_enqueued": lambda dock: dock.refute_enqueued("reprot", within="1h"),
    "all_enqueued": lambda dock: dock.all_enqueued("reprot"),
}


@pytest.mark.parametrize("verb", TYPOS)
def test_an_unknown_function_is_refused_with_those_there_are(dock: Dock, verb: str) -> None:
    dock.tasks.create("report", start_in="1h")

    with pytest.raises(UnknownFunction, match="no function reprot; did you mean report"):
        TYPOS[verb](dock)


def test_tasks_of_a_function_that_is_not_there_are_found_all_the_same(dock: Dock) -> None:
    task = dock.tasks.create("reprot", start_in="1h")
    schedule = dock.schedules.create("reprot", every="1d")

    assert dock.tasks.of("reprot") == dock.all_enqueued("reprot") == [task]
    assert dock.assert_enqueued("reprot") == task
    assert dock.schedules.of("reprot") == [schedule]
    dock.refute_enqueued("reprot", data={"for": "Ada"})


def test_whether_there_is_a_function_is_asked_once_and_only_where_nothing_is_found(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(HarnessAccess, "require_function", lambda _, name: asked.append(name))

    dock.refute_enqueued("report", within=0.1)
    assert asked == ["report"]

    dock.tasks.create("report", start_in="1h")
    dock.assert_enqueued("report")
    dock.all_enqueued()
    assert dock.tasks.of("report")
    assert asked == ["report"]


# What a newcomer writes

NAN = float("nan")
NO_JSON: dict[str, Callable[[Dock], object]] = {
    "data/a: nan": lambda dock: dock.execute("report", {"a": NAN}),
    r"data/a/1: \{3\}": lambda dock: dock.tasks.create("report", {"a": [0, {3}]}),
    "data/b: <object": lambda dock: dock.schedules.create("report", "1d", data={"b": object()}),
    r"data/c: matching\(int\)": lambda dock: dock.tasks.create("report", {"c": matching(int)}),
    r"body: matching\(": lambda dock: dock.doubles.add("POST", "/m", body=matching({"a": 1})),
    "answer/json/a: nan": lambda dock: dock.doubles.add("GET", "/m", json={"a": NAN}),
    "answers/0/json: b'x'": lambda dock: dock.doubles.add("GET", "/m", sequence=[{"json": b"x"}]),
    "probability: nan": lambda dock: dock.faults.add("report", Fault.crash(), probability=NAN),
    "recording/run: nan": lambda dock: dock.replay({"run": NAN}),
    "timeLimit: nan": lambda dock: dock.deploy({"main.py": "x"}, "by-files", timeLimit=NAN),
    "tags: {'a'}": lambda dock: dock.deploy({"main.py": "x"}, "by-files", tags={"a"}),
}


@pytest.mark.parametrize("sentence", NO_JSON)
def test_data_that_is_no_json_is_refused_with_its_place(dock: Dock, sentence: str) -> None:
    with pytest.raises(BadData, match=sentence):
        NO_JSON[sentence](dock)

    assert dock.tasks.all() == dock.schedules.all() == dock.doubles.all() == []


def test_a_verb_takes_the_handle_or_the_id(dock: Dock, tmp_path: Path) -> None:
    done = dock.tasks.create("report", {"name": "Ada"}).wait()
    (run,) = dock.runs.of("report")
    for task in (done, done.id):
        assert dock.tasks.get(task) == dock.tasks.wait(task) == done
        assert "hello Ada" in dock.tasks.log(task)
    for kept in (run, run.id):
        assert dock.runs.get(kept) == run
        dock.runs.save(kept, tmp_path / "run.json")
        assert dock.runs.replay(kept).same
    for by in (lambda handle: handle, lambda handle: handle.id):
        waits = dock.tasks.create("report", start_in="1h")
        dock.tasks.cancel(by(waits))
        assert waits.reload().status == "canceled"
        dock.schedules.delete(by(dock.schedules.create("report", every="1d")))
        dock.faults.remove(by(dock.faults.add("report", Fault.timeout())))
        dock.doubles.remove(by(dock.doubles.add("GET", "/m")))
    assert dock.schedules.all() == dock.faults.all() == dock.doubles.all() == []


WITH_IDS: dict[str, Callable[[Dock, Any], object]] = {
    "no task: give the TaskHandle": lambda dock, it: dock.tasks.get(it),
    "no task: give the TaskHandle, or the task's id": lambda dock, it: dock.tasks.wait(it),
    "no task: give": lambda dock, it: dock.tasks.cancel(it),
    "no task": lambda dock, it: dock.tasks.log(it),
    "no schedule: give the ScheduleHandle": lambda dock, it: dock.schedules.delete(it),
    "no fault: give the FaultHandle": lambda dock, it: dock.faults.remove(it),
    "no double: give the DoubleHandle": lambda dock, it: dock.doubles.remove(it),
    "no double: give": lambda dock, it: dock.doubles.calls(it),
    "no run: give the RecordedRun": lambda dock, it: dock.runs.get(it),
    "no run: give": lambda dock, it: dock.runs.save(it, "run.json"),
    "no run": lambda dock, it: dock.runs.replay(it),
}


@pytest.mark.parametrize("sentence", WITH_IDS)
def test_what_is_neither_is_refused_by_a_sentence(dock: Dock, sentence: str) -> None:
    with pytest.raises(TypeError, match=f"7 is {sentence}"):
        WITH_IDS[sentence](dock, 7)
    if "run" not in sentence:
        with pytest.raises(ValueError, match=r"the id of the .* is empty"):
            WITH_IDS[sentence](dock, "")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        ("timeout", r"'timeout' is no Fault; write Fault\.timeout\(\)"),
        ("out-of-memory", r"write Fault\.out_of_memory\(\)"),
        ("delay", r"write Fault\.delay\(0\.2\)"),
        (Fault.crash, r"write Fault\.crash\(\)"),
        ("timeuot", "did you mean timeout"),
        (ValueError, "there is no fault 'ValueError'"),
        (7, r"write such as Fault\.timeout\(\)"),
    ],
)
def test_what_is_no_fault_is_said_with_what_to_write(dock: Dock, fault: Any, sentence: str) -> None:
    with pytest.raises(BadField, match=sentence):
        dock.faults.add("report", fault)


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ({"file": "nope.json"}, "the file nope.json cannot be read: No such .* looked for in /"),
        ({"sequence": [{"file": "/"}]}, "the file / cannot be read: Is a directory$"),
        ({"sequence": [503]}, "an answer is a dict, such as .* not 503"),
        ({"headers": "a: b"}, "headers is a dict of texts"),
        ({"query": "a=b"}, "query is a dict of texts"),
        ({"request_headers": ["a"]}, "request_headers is a dict of texts"),
    ],
)
def test_what_is_no_double_is_a_sentence(dock: Dock, rule: Any, sentence: str) -> None:
    with pytest.raises(BadField, match=sentence):
        dock.doubles.add("GET", "/m", **rule)


@pytest.mark.parametrize(
    ("length", "units", "sentence"),
    [
        (None, {}, r'advance takes the time that passes, such as advance\("7d"\)'),
        (None, {"days": "7"}, "days='7' is no length of time; write"),
        (None, {"weeks": NAN}, "weeks=nan is no length of time"),
        (None, {"weeks": 1e300}, "weeks=1e.300 is no length of time"),
        ("soon", {}, "'soon' is no length of time"),
    ],
)
def test_an_advance_by_nothing_is_refused(
    dock: Dock, length: Any, units: dict[str, Any], sentence: str
) -> None:
    before = dock.clock.now

    with pytest.raises(ValueError, match=sentence):
        dock.clock.advance(length, **units)

    assert dock.clock.now == before


def test_the_clock_advances_by_weeks_and_by_zero(dock: Dock) -> None:
    before = dock.clock.now

    dock.clock.advance("1d", weeks=1)
    dock.clock.advance(0)
    dock.clock.advance(days=0)

    assert dock.clock.now - before == timedelta(days=8)


def test_a_limit_is_a_length_of_time_as_any_other(dock: Dock) -> None:
    assert dock.tasks.create("report").wait(timeout="30s").status == "complete"
    dock.refute_enqueued("report", within="10ms")
    dock.reset(grace="1s")
    with pytest.raises(ValueError, match="'soon' is no length of time"):
        dock.tasks.create("report").wait(timeout="soon")


# Enqueued


def test_a_task_that_waits_is_enqueued(dock: Dock) -> None:
    dock.tasks.create("report", {"for": "Ada"}, start_in="1h", tags=["weekly"], priority=3)

    task = dock.assert_enqueued(
        "report", data={"for": "Ada"}, start_in="1h", tags=["weekly"], priority=3, count=1
    )

    assert dock.all_enqueued() == dock.all_enqueued("report") == [task]
    assert dock.all_enqueued("report", matching({"for": "Bob"})) == []
    dock.refute_enqueued("welcome-mail")
    dock.refute_enqueued("report", data={"for": "Bob"})


def test_a_task_that_has_ended_is_not_enqueued(dock: Dock) -> None:
    dock.tasks.create("report").wait()

    dock.refute_enqueued("report")
    with pytest.raises(AssertionError, match=r"(?s)nothing is enqueued.*not wait any more: 1 comp"):
        dock.assert_enqueued("report")


def test_a_failure_lists_what_is_enqueued_and_marks_the_differences(dock: Dock) -> None:
    dock.tasks.create("report", {"for": "Ada"}, start_in="2h")

    with pytest.raises(AssertionError) as caught:
        dock.assert_enqueued("report", data={"for": "Bob"}, start_in="1h")

    assert str(caught.value).splitlines()[0] == (
        "no task is enqueued as report, data={'for': 'Bob'}, start_in=1h (give or take 10s)"
    )
    assert "      data/for: 'Ada', not 'Bob'" in str(caught.value).splitlines()
    assert re.search(r"start_in: (2h|1h59m59\.\d+s), not 1h", str(caught.value))


def test_the_number_of_tasks_counts_where_it_is_given(dock: Dock) -> None:
    dock.tasks.create("report", start_in="1h")

    with pytest.raises(AssertionError, match="no task is enqueued"):
        dock.assert_enqueued("welcome-mail", count=1)
    with pytest.raises(AssertionError, match="1 tasks, not 2, are enqueued"):
        dock.assert_enqueued("report", count=2)
    with pytest.raises(ValueError, match="refute_enqueued"):
        dock.assert_enqueued("report", count=0)


def test_a_task_that_should_not_be_enqueued_is_shown(dock: Dock) -> None:
    dock.tasks.create("report", {"for": "Ada"}, start_in="1h")

    with pytest.raises(AssertionError, match=r"as report, but:\n  report .* data={'for': 'Ada'}"):
        dock.refute_enqueued("report")


def test_a_task_that_comes_within_the_time_is_enough(dock: Dock) -> None:
    gate = dock.deploy(
        lambda event, runtime: dock.tasks.create("report", start_in="1h").id, "queues-one"
    )
    dock.tasks.create(*gate)

    assert dock.assert_enqueued("report", within=30).function == "report"


# Schedules and events


def test_a_schedule_runs_once_in_each_of_its_intervals(dock: Dock) -> None:
    now = dock.clock.now
    schedule = dock.schedules.create("report", every="1d", data={"for": "Ada"})

    dock.clock.advance(days=7)

    assert [task.status for task in dock.tasks.of("report")] == ["complete"] * 7
    assert [(task.start - now).days for task in dock.tasks.of("report")] == [*range(1, 8)]
    assert (schedule.every, schedule.next - now) == (86_400, timedelta(days=1))
    assert dock.schedules.of("report")[0].data == {"for": "Ada"}


def test_a_schedule_that_is_deleted_runs_no_more(dock: Dock) -> None:
    now = dock.clock.now
    schedule = dock.schedules.create("report", every="1h", start=now + timedelta(minutes=1))
    dock.clock.advance("2m")

    schedule.delete()
    dock.clock.advance("1d")

    assert len(dock.tasks.of("report")) == 1
    assert dock.schedules.all() == []


def test_a_failed_task_is_an_event_and_reaches_its_subscriber(dock: Dock) -> None:
    dock.events.subscribe("welcome-mail")

    failed = dock.tasks.create("report", {"fail": "boom"}).wait()

    (event,) = dock.events.all("task_failed")
    assert (event.content["id"], event.content["functionName"]) == (failed.id, "report")
    eventually(lambda: dock.tasks.of("welcome-mail"), "the subscriber has a task")


# Clock


def test_the_clock_shows_what_is_due(dock: Dock) -> None:
    dock.clock.switch("manual")
    task = dock.tasks.create("report", start_in="1h")

    (due,) = dock.clock.due

    assert dock.clock.mode == "manual"
    assert (due.at, due.kind, due.function, due.id) == (task.start, "task", "report", task.id)


def test_the_clock_moves_to_a_moment_and_until_nothing_waits(dock: Dock) -> None:
    dock.clock.switch("manual")
    now = dock.clock.now
    dock.tasks.create("report", start_in="3d")

    dock.clock.move_to(now + timedelta(days=1))
    assert dock.clock.now == now + timedelta(days=1)
    dock.clock.run_until_idle()

    assert dock.clock.now == now + timedelta(days=3)
    assert dock.tasks.of("report")[0].status == "complete"


def test_a_clock_that_is_set_back_is_refused(dock: Dock) -> None:
    with pytest.raises(ServiceError, match="time never goes back"):
        dock.clock.move_to("2020-01-01T00:00:00Z")


def test_a_clock_that_is_real_is_not_moved() -> None:
    with running(engine=FakeEngine()) as dock:
        assert dock.clock.mode == "real"
        with pytest.raises(NotSupported, match=r'--clock manual .*: running\(clock="auto"\), or'):
            dock.clock.advance(1)


# Faults and doubles


def test_a_fault_is_injected_so_many_times(dock: Dock) -> None:
    fault = dock.faults.add("welcome-mail", Fault.error("SmtpDown"), times=2)

    chain = dock.tasks.create("welcome-mail", {"name": "Ada"}).wait().chain

    assert [(task.status, task.delay) for task in chain] == [
        ("retried", 0),
        ("retried", 2),
        ("complete", 5),
    ]
    assert fault.used == 2


def test_a_fault_that_is_removed_is_over(dock: Dock) -> None:
    first = dock.faults.add("report", Fault.timeout())
    dock.faults.add("report", Fault.crash())

    first.remove()
    assert len(dock.faults.all()) == 1
    dock.faults.clear()

    assert dock.execute("report", {"name": "Ada"}).error is None


@pytest.mark.parametrize(
    ("odds", "sentence"),
    [({"times": 0}, "times is 0; write 1 or more"), ({"seed": 7}, "a seed goes with a prob")],
)
def test_a_fault_that_cannot_be_is_refused(dock: Dock, odds: Any, sentence: str) -> None:
    with pytest.raises(MalformedCall, match=sentence):
        dock.faults.add("report", Fault.timeout(), **odds)


def test_a_double_answers_and_its_calls_are_kept(dock: Dock) -> None:
    sent = dock.doubles.add("POST", "/mail/v1/", json={"id": "1"}, status=201, headers={"x-a": "b"})

    answer = dock.session.post("/mail/v1/?a=b", json={"recipients": {"to": ["ada@example.org"]}})

    assert (answer.status_code, answer.json(), answer.headers["x-a"]) == (201, {"id": "1"}, "b")
    (call,) = sent.calls
    assert call.json["recipients"] == {"to": ["ada@example.org"]}
    assert (call.method, call.path, call.query) == ("POST", "/mail/v1/", "a=b")
    assert (call.parameters, call.status, call.double) == ({"a": "b"}, 201, sent.id)
    assert call.headers["authorization"] == "***"
    assert (call.text, call.content, call.function, call.task) == (None, None, None, None)
    assert sent.used == 1


def test_a_double_answers_one_after_the_other(dock: Dock) -> None:
    dock.doubles.add("GET", "/files/v1/{token}", sequence=[{"failure": 503}, {"text": "ok"}])

    statuses = [dock.session.get("/files/v1/1").status_code for _ in range(3)]

    assert statuses == [503, 200, 200]
    with pytest.raises(ValueError, match="give a sequence or json"):
        dock.doubles.add("GET", "/x", json=1, sequence=[{"json": 2}])


def test_a_double_answers_with_a_file_of_the_test(dock: Dock, tmp_path: Path) -> None:
    file = tmp_path / "report.pdf"
    file.write_bytes(b"%PDF\xff")
    dock.doubles.add("GET", "/files/v1/{token}/file", file=file)

    answer = dock.session.get("/files/v1/1/file")

    assert (answer.content, answer.headers["content-type"]) == (b"%PDF\xff", "application/pdf")


def test_a_double_answers_only_calls_of_its_kind(dock: Dock) -> None:
    dock.doubles.add(
        "POST", "/mail/v1/", json=None, query={"a": "b"}, body={"x": 1}, request_headers={"y": "z"}
    )

    dock.session.post("/mail/v1/?a=b", json={"x": 1, "more": 2}, headers={"y": "z"})
    dock.session.post("/mail/v1/?a=b", json={"x": 2}, headers={"y": "z"})
    dock.session.post("/mail/v1/", json={"x": 1})

    (missed, other) = dock.doubles.calls(unmatched=True)
    assert (missed.json, missed.status, missed.double) == ({"x": 2}, 404, None)
    assert other.query == ""


def test_a_double_that_can_never_answer_is_refused(dock: Dock) -> None:
    with pytest.raises(ServiceError, match="can never match"):
        dock.doubles.add("GET", "/tasks/v1/", json={})


def test_doubles_are_removed_one_by_one_or_all(dock: Dock) -> None:
    first = dock.doubles.add("GET", "/a", json=1)
    dock.doubles.add("GET", "/b", json=1)

    first.remove()
    assert [rule["path"] for rule in dock.doubles.all()] == ["/b"]
    dock.doubles.clear()

    assert dock.doubles.all() == []


# Sessions


def test_an_api_function_is_called_by_paths(dock: Dock) -> None:
    dock.deploy(
        lambda event, runtime: {"statusCode": 200, "body": event["rawPath"] + event["body"]}, "shop"
    )

    answer = dock.api("shop").post("/items?limit=2", json=7)

    assert answer.text == "/items7"
    assert dock.api("shop") is dock.api("shop")


def test_a_session_signs(dock: Dock) -> None:
    answer = dock.session.get("/users/v1/me")

    assert answer.request.headers["Authorization"].startswith("OAuth ")
    assert answer.status_code == 200


def test_a_session_gives_its_credentials_to_no_other_server(dock: Dock) -> None:
    with pytest.raises(ValueError, match="the server of this session"):
        dock.session.get(f"{dock.url}.example.org/tasks/v1/")
    with pytest.raises(ValueError, match="the server of this session"):
        dock.session.get("https://example.org/tasks/v1/")
    assert dock.session.get(f"{dock.url}/tasks/v1/").ok


def test_a_client_by_url_has_credentials_where_the_variables_name_its_server(
    dock: Dock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Taskdock(dock.url) as other:
        assert other.execute("report", {"name": "Ada"}).result == {"name": "Ada"}
        with pytest.raises(NotSupported, match="API_OAUTH_"):
            _ = other.session

    lines = (dock.emulator.foundation.data / "credentials").read_text().splitlines()
    for name, _, value in (line.partition("=") for line in lines):
        monkeypatch.setenv(name, value)
    with Taskdock(dock.url) as other:
        assert other.session.get("/users/v1/me").ok


# The server as a whole


def test_a_reset_forgets_all_but_the_functions(dock: Dock) -> None:
    dock.tasks.create("report", start_in="1h")
    dock.schedules.create("report", every="1h")
    dock.faults.add("report", Fault.timeout())
    dock.doubles.add("GET", "/a", json=1)

    gone = dock.reset()

    assert (gone["tasks"], gone["schedules"], gone["faults"], gone["doubles"]) == (1, 1, 1, 1)
    assert dock.tasks.all() == dock.schedules.all() == dock.faults.all() == dock.doubles.all() == []
    assert not dock.execute("report").cold


def test_a_reset_keeps_what_it_is_told_to(dock: Dock) -> None:
    dock.doubles.add("GET", "/a", json=1)
    dock.reset(keep=["doubles"])

    assert len(dock.doubles.all()) == 1
    with pytest.raises(ServiceError, match="walnuts"):
        dock.reset(keep=["walnuts"])


def test_a_server_with_signatures_has_its_harness_too() -> None:
    with running(engine=FakeEngine(), auth="strict") as dock:
        dock.deploy(work, "report")

        assert dock.execute("report", {"name": "Ada"}).result == {"name": "Ada"}
        assert dock.tasks.create("report").wait().status == "complete"
        assert dock.reset()["tasks"] == 2


def test_a_server_whose_harness_is_off_says_so_and_tasks_are_waited_for_still() -> None:
    with running(engine=FakeEngine(), harness="off") as dock:
        dock.deploy(work, "welcome-mail", retryPolicy=POLICY)

        with pytest.raises(NotSupported, match="--harness on"):
            dock.reset()
        chain = dock.tasks.create("welcome-mail", {"name": "Ada"}, start_in="1h").chain
        done = dock.tasks.create("welcome-mail", {"name": "Ada"}, start_in="10ms").wait()

    assert len(chain) == 1
    assert done.status == "complete"


def test_no_server_is_a_sentence() -> None:
    with running(engine=FakeEngine()) as dock:
        url = dock.url

    with Taskdock(url) as gone, pytest.raises(ServerUnreachable, match="no taskdock server answer"):
        gone.tasks.all()


# Deployment


def function(folder: Path, name: str, code: str = "one") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    config = {"name": name, "path": ".", "runtime": "python3.11", "entryPoint": name}
    (folder / "task-config.json").write_text(json.dumps(config))
    (folder / "index.py").write_text(code)
    return folder


@pytest.fixture
def sent(dock: Dock, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The name of each function whose code is sent."""
    names: list[str] = []
    catalog = dock.emulator.catalog
    for verb in ("deploy", "update"):
        real = getattr(catalog, verb)

        def count(name: str, *args: Any, _real: Any = real, **fields: Any) -> Any:
            names.append(name)
            return _real(name, *args, **fields)

        monkeypatch.setattr(catalog, verb, count)
    return names


def test_folders_are_deployed_by_a_pattern(dock: Dock, tmp_path: Path) -> None:
    function(tmp_path / "tasks" / "a", "a")
    function(tmp_path / "tasks" / "b", "b")

    assert dock.deploy(tmp_path / "tasks" / "*") == ["a", "b"]
    assert dock.deploy(tmp_path / "tasks") == ["a", "b"]
    assert dock.deploy([tmp_path / "tasks" / "b", str(tmp_path / "tasks" / "a")]) == ["b", "a"]
    assert dock.folders["a"] == tmp_path / "tasks" / "a"


def test_files_are_deployed_under_a_name(dock: Dock) -> None:
    names = dock.deploy({"main.py": "x"}, "by-files", timeLimit=7, environment={"KEY": "b"})

    made = dock.session.get("/tasks/v1/functions/by-files").json()
    assert names == ["by-files"]
    assert (made["timeLimit"], made["environmentVariables"]) == (7, {"KEY": {"value": "b"}})
    with pytest.raises(ValueError, match="files need a name"):
        dock.deploy({"main.py": "x"})


def test_the_same_code_is_sent_once(dock: Dock, tmp_path: Path, sent: list[str]) -> None:
    folder = function(tmp_path / "once", "once")

    for _ in range(5):
        dock.deploy(folder)
        dock.reset()
    assert sent == ["once"]

    function(folder, "once", "two")
    dock.deploy(folder)
    dock.deploy(folder)
    assert sent == ["once", "once"]


def test_code_that_somebody_has_removed_or_changed_is_sent_again(
    dock: Dock, tmp_path: Path, sent: list[str]
) -> None:
    folder = function(tmp_path / "again", "again")
    dock.deploy(folder)

    assert dock.session.delete("/tasks/v1/functions/again").ok
    dock.deploy(folder)
    assert sent == ["again"] * 2

    dock.clock.advance(1)
    change = {"timeLimit": 9}
    assert dock.session.put("/tasks/v1/functions/again", json=change).ok
    dock.deploy(folder)
    assert sent == ["again"] * 4  # the change itself is one of them


def test_a_folder_without_a_function_is_refused(dock: Dock, tmp_path: Path) -> None:
    with pytest.raises(BadTaskConfig, match=r"no task-config\.json"):
        dock.deploy(tmp_path)
    with pytest.raises(ValueError, match=r"timeLimit: the task-config\.json says that"):
        dock.deploy(function(tmp_path / "a", "a"), timeLimit=9)


# Runs


def test_runs_are_kept_with_their_event_answer_and_log(dock: Dock) -> None:
    before = dock.runs.last
    task = dock.tasks.create("report", {"name": "Ada"}).wait()
    dock.execute("welcome-mail", {"fail": "boom"}, check=False)

    first, second = dock.runs.since(before)

    assert (first.function, first.kind, first.task_id) == ("report", "task", task.id)
    assert (first.event["data"], first.answer, first.error) == ({"name": "Ada"}, first.answer, None)
    assert first.answer == {"name": "Ada"}
    assert "hello Ada" in first.log
    assert first.memory_used > 0
    assert (second.kind, second.error and second.error.message) == ("execution", "boom")
    assert second.sequence > first.sequence > before
    assert [first] == dock.runs.of("report") == [dock.runs.get(first.id)]


def test_all_runs_are_found_however_many(dock: Dock) -> None:
    with closing(HarnessAccess(dock.url, None, signs=False)) as access:
        for _ in range(4):
            dock.execute("report")

        for size in (1, 3, 4, 5):
            assert len(RunControl(access, page=size).of("report")) == 4


def test_a_run_is_replayed_by_the_newest_code(dock: Dock, tmp_path: Path) -> None:
    dock.deploy(lambda event, runtime: {"total": 1}, "counts")
    dock.execute("counts")
    (run,) = dock.runs.of("counts")
    dock.runs.save(run, tmp_path / "run.json")

    again = dock.replay(run)
    dock.fake.programs["counts"] = serve(lambda event, runtime: {"total": 2})
    dock.emulator.pool.retire_others("counts", frozenset())
    changed = dock.replay(tmp_path / "run.json")

    assert (again.same, again.difference, again.result) == (True, [], {"total": 1})
    assert (changed.same, changed.difference) == (False, ["/total: 1 -> 2"])
    assert (changed.before["answer"], changed.result) == ({"total": 1}, {"total": 2})
    assert changed.error is None
    assert "REPORT" in changed.log


def test_a_failure_is_replayed_too(dock: Dock) -> None:
    dock.execute("report", {"fail": "boom"}, check=False)

    replay = dock.replay(dock.runs.of("report")[0].id)

    assert replay.error is not None
    assert (replay.error.name, replay.result, replay.same) == ("ValueError", None, True)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("hello", "is no recording of a run, for it is not JSON"),
        ("{}", "no recording of a run"),
        ("[1]", "no recording of a run"),
        ('{"taskdock": "run", "version": 1, "run": {"functionName": "a"}}', "has no event"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_file_that_is_no_recording_is_refused(
    dock: Dock, tmp_path: Path, content: str | None, sentence: str
) -> None:
    file = tmp_path / "run.json"
    if content is not None:
        file.write_text(content)

    with pytest.raises(BadRecording, match=sentence) as caught:
        dock.replay(file)

    assert str(file) in str(caught.value)


def test_a_build_is_run_once_before_a_folder_is_packed(tmp_path: Path) -> None:
    fields = {"path": "out", "entryPoint": "main.handler", "runtime": "python3.11"}
    build = "mkdir -p out && cp main.py out && echo x >> builds"
    (tmp_path / "main.py").write_text("def handler(event, context): ...")
    config = tmp_path / "task-config.json"
    config.write_text(json.dumps({"name": "built", "build": build, **fields}))
    with running(engine=FakeEngine()) as dock:
        assert dock.deploy(tmp_path) == ["built"]
        assert dock.deploy(config) == ["built"]

        config.write_text(json.dumps({"name": "built", "build": "exit 3", **fields}))
        with pytest.raises(BuildFailed, match="the build failed with exit code 3: exit 3"):
            dock.deploy(tmp_path)

    assert (tmp_path / "builds").read_text() == "x\n"


def test_two_folders_with_a_function_of_one_name_are_refused(docks: Dock, tmp_path: Path) -> None:
    for folder in (tmp_path / "a", tmp_path / "b"):
        folder.mkdir()
        fields = {"name": "twin", "path": ".", "entryPoint": "main.handler"}
        (folder / "task-config.json").write_text(json.dumps({**fields, "runtime": "python3.11"}))
        (folder / "main.py").write_text("def handler(event, context): ...")

    with pytest.raises(BadTaskConfig, match="both describe the function twin"):
        docks.deploy(tmp_path)
