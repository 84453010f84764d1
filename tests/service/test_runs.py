"""Runs of functions are kept, whoever asked for them, and can be replayed."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner, Result

from taskdock.base.timing.limits import Limits
from taskdock.commands import main
from taskdock.testing.dock import new_function
from taskdock.testing.fakes.runtime import Handler, serve
from tests.support.aws import lambda_client
from tests.support.builders import Dock, Gate, Json, StartDock, summary

NAME = "walnut-table"
Taskdock = Callable[..., Result]


def ask(dock: Dock, query: str = "") -> Json:
    answer = dock.call("GET", f"/runs{query}", base="/taskdock")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def fails(dock: Dock) -> None:
    """Executes the function, which reports an error."""
    assert summary(dock.execute(data={"fail": True})) == (400, 1406)


def runs(dock: Dock, query: str = "") -> list[Json]:
    found: list[Json] = ask(dock, query)["data"]
    return found


def answer_to_replay(dock: Dock, body: Any) -> requests.Response:
    return dock.call("POST", "/runs/replay", base="/taskdock", json=body)


def replay(dock: Dock, **body: Any) -> Json:
    answer = answer_to_replay(dock, body)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def change(dock: Dock, handler: Handler) -> None:
    """The function has this code from now on."""
    entry_point = f"{NAME}-{len(dock.fake.programs)}"
    dock.fake.programs[entry_point] = serve(handler)
    code = new_function()["code"]
    assert dock.put(f"/functions/{NAME}", {"entryPoint": entry_point, "code": code}).ok


@pytest.fixture
def taskdock(dock: Dock) -> Taskdock:
    def call(*words: str) -> Result:
        return CliRunner().invoke(main, words, env={"TASKDOCK_URL": dock.url})

    return call


def work(event: Any, runtime: Any) -> Any:
    runtime.print("at work")
    if event.get("fail") or (event.get("data") or {}).get("fail"):
        raise ValueError("a leg is missing")
    return {"statusCode": 200, "body": "walnut"}


# Recording


def test_a_run_has_all_that_is_known_of_it(dock: Dock) -> None:
    dock.deploy(work)

    executed = dock.execute(data={"legs": 4}).json()

    (run,) = runs(dock)
    assert set(run) == {
        *("id", "sequence", "at", "kind", "taskId", "requestId", "functionName", "runtime"),
        *("version", "event", "answer", "log", "cold", "duration", "memoryUsed"),
        *("environmentId", "waited", "init", "settled", "timeLimit", "memoryLimit"),
    }
    assert run["waited"] >= run["init"] >= 0
    assert run["settled"] >= 0
    assert run["event"]["data"] == {"legs": 4}
    assert (run["kind"], run["taskId"], run["functionName"]) == ("execution", executed["id"], NAME)
    assert run["answer"] == executed["result"]
    assert run["log"] == dock.all_logs(executed["id"])
    assert f"Duration: {run['duration']:.2f} ms" in run["log"][-1]
    assert f"Max Memory Used: {run['memoryUsed']} MB" in run["log"][-1]
    assert run["version"] == dock.emulator.catalog.get(NAME).code
    assert run["runtime"] == "python3.11"


def test_whoever_asks_leaves_a_run(dock: Dock) -> None:
    dock.deploy(work)
    aws = lambda_client(dock.url)

    dock.finish(dock.create_task())
    assert dock.execute().ok
    assert dock.get(f"/api/{NAME}/items?limit=2").ok
    aws.invoke(FunctionName=NAME, Payload=b'{"legs": 4}')
    aws.invoke(FunctionName=NAME, InvocationType="Event", Payload=b'{"legs": 3}')

    found = dock.eventually(lambda: len(runs(dock)) == 5 and runs(dock))
    assert [run["kind"] for run in found] == ["task", "execution", "api", "invocation", "event"]
    assert [run["cold"] for run in found] == [True, False, False, False, False]
    assert found[2]["event"]["rawPath"] == "/items"
    assert [run["event"] for run in found[3:]] == [{"legs": 4}, {"legs": 3}]
    assert ["taskId" in run for run in found] == [True, True, False, False, False]
    aws.close()


def test_each_attempt_of_a_task_is_a_run_with_its_error(timed_dock: Dock) -> None:
    dock = timed_dock
    dock.deploy(work, retryPolicy={"enabled": True})
    task = dock.create_task(data={"fail": True})
    dock.reach(task, "retried")

    (run,) = runs(dock, f"?taskId={task}")

    assert run["error"] == {"name": "ValueError", "message": "a leg is missing"}
    assert "answer" not in run


@pytest.mark.parametrize("field", ["stackTrace", "trace"])  # Python's, and Node.js's
def test_an_error_has_the_stack_trace_of_its_runtime(dock: Dock, field: str) -> None:
    trace = ["at handler (/var/task/index.js:7:11)"]
    error = {"errorType": "E", "errorMessage": "no", field: trace}

    def program(runtime: Any) -> None:
        runtime.next()
        runtime.post(f"/invocation/{runtime.request_id}/error", error)
        runtime.next()

    dock.deploy_program(program)

    fails(dock)

    (run,) = runs(dock)
    assert run["error"] == {"name": "E", "message": "no", "stackTrace": trace}


@pytest.mark.parametrize("answer", [None, 0, False, "", [], {"a": None}])
def test_an_answer_is_kept_as_it_is(dock: Dock, answer: Any) -> None:
    dock.deploy(lambda event, runtime: answer)

    assert dock.execute().ok

    (run,) = runs(dock)
    assert run["answer"] == answer
    assert "error" not in run


def test_an_event_of_null_is_one(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: event)
    aws = lambda_client(dock.url)

    aws.invoke(FunctionName=NAME, Payload=b"null")

    (run,) = dock.eventually(lambda: runs(dock), "its log is complete")
    assert (run["event"], run["answer"]) == (None, None)
    aws.close()


def test_an_injected_fault_is_marked(dock: Dock) -> None:
    dock.deploy(work)
    body = {"functionName": NAME, "fault": "timeout", "times": 1}
    assert dock.call("POST", "/faults", base="/taskdock", json=body).ok

    assert dock.execute().status_code == 400
    assert dock.execute().ok

    first, second = runs(dock)
    assert (first["fault"]["fault"], first["error"]["name"]) == ("timeout", "Sandbox.Timedout")
    assert "fault" not in second


def test_runs_are_listed_in_their_order_and_from_where_one_was(dock: Dock) -> None:
    dock.deploy(work)
    dock.deploy(work, "oak-chair")
    assert dock.execute().ok
    assert dock.execute("oak-chair").ok
    fails(dock)
    assert dock.execute().ok
    whole = runs(dock)

    assert [run["sequence"] for run in whole] == [1, 2, 3, 4]
    assert [run["sequence"] for run in runs(dock, "?since=1&limit=2")] == [2, 3]
    assert ask(dock, "?since=1&limit=2")["last"] == 3
    assert [run["sequence"] for run in runs(dock, "?limit=2")] == [3, 4]
    assert ask(dock, "?since=4") == {"data": [], "last": 4}
    assert [run["sequence"] for run in runs(dock, f"?functionName={NAME}")] == [1, 3, 4]
    assert ask(dock, "?functionName=oak-chair&since=2") == {"data": [], "last": 4}
    assert [run["sequence"] for run in runs(dock, "?failed=true")] == [3]
    answer = dock.call("GET", f"/runs/{whole[2]['id']}", base="/taskdock")
    assert answer.json() == whole[2]


def test_no_more_are_kept_than_were_asked_for(start_dock: StartDock) -> None:
    dock = start_dock(history=3)
    dock.deploy(work)

    for legs in range(5):
        dock.execute(data={"legs": legs})
        if legs in (1, 3):
            dock.emulator.tasks.history.write_waiting()

    assert [run["event"]["data"]["legs"] for run in runs(dock)] == [2, 3, 4]


def test_large_runs_are_kept_as_long_as_there_is_room(start_dock: StartDock) -> None:
    dock = start_dock(limits=Limits(history_bytes=100_000))
    dock.deploy(work)

    for legs in range(4):
        assert dock.execute(data={"legs": legs, "wood": "x" * 40_000}).ok
    assert [run["event"]["data"]["legs"] for run in runs(dock)] == [2, 3]
    assert dock.execute(data={"legs": 5, "wood": "x" * 200_000}).ok

    assert [run["event"]["data"]["legs"] for run in runs(dock)] == [5]


def test_without_a_history_nothing_is_kept(start_dock: StartDock) -> None:
    dock = start_dock(history=0)
    dock.deploy(work)

    assert dock.execute().ok

    assert ask(dock) == {"data": [], "last": 0}


def test_runs_survive_a_restart_and_go_on(start_dock: StartDock) -> None:
    dock = start_dock()
    dock.deploy(work)
    assert dock.execute(data={"legs": 1}).ok
    assert dock.execute(data={"legs": 2}).ok
    before = runs(dock)
    dock.stop()

    again = start_dock(history=2)
    again.fake.programs.update(dock.fake.programs)
    assert runs(again) == before
    assert again.execute(data={"legs": 3}).ok

    assert [run["sequence"] for run in runs(again)] == [2, 3]


def test_a_server_that_keeps_no_runs_forgets_those_of_an_earlier_one(start_dock: StartDock) -> None:
    dock = start_dock()
    dock.deploy(work)
    assert dock.execute().ok
    dock.stop()

    again = start_dock(history=0)

    assert runs(again) == []


def test_a_run_that_a_reset_has_ended_is_not_kept(dock: Dock) -> None:
    gate = Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))

    with ThreadPoolExecutor(1) as thread:
        executed = thread.submit(dock.execute)
        dock.eventually(lambda: gate.waiting)
        answer = dock.call("POST", "/reset", base="/taskdock", json={"grace": 0})
        assert answer.json()["ended"] == 1
        assert executed.result(30).status_code == 503

    assert runs(dock) == []


def test_what_cannot_be_written_yet_is_kept_in_bounds(start_dock: StartDock) -> None:
    dock = start_dock(history=3, limits=Limits(lock_patience=0.2))
    dock.deploy(work)
    history = dock.emulator.tasks.history
    aws = lambda_client(dock.url)
    store = dock.emulator.foundation.store
    with ThreadPoolExecutor(1) as other:

        def hold() -> None:
            with store.transaction():
                for legs in range(5):
                    aws.invoke(FunctionName=NAME, Payload=json.dumps({"legs": legs}))

        other.submit(hold).result(30)

    with history._adding:
        assert len(history._waiting) <= 3
    dock.eventually(lambda: [run["event"]["legs"] for run in runs(dock)] == [2, 3, 4])
    aws.close()


def test_large_runs_that_cannot_be_written_yet_wait_as_far_as_there_is_room(
    start_dock: StartDock,
) -> None:
    limits = Limits(lock_patience=0.2, history_bytes=100_000)
    dock = start_dock(limits=limits)
    dock.deploy(work)
    history = dock.emulator.tasks.history
    aws = lambda_client(dock.url)
    with dock.emulator.foundation.store.transaction():
        for legs in range(4):
            event = json.dumps({"legs": legs, "wood": "x" * 40_000})
            aws.invoke(FunctionName=NAME, Payload=event)
        dock.eventually(
            lambda: [json.loads(record.event)["legs"] for record in history._waiting] == [2, 3]
        )

    assert [run["event"]["legs"] for run in runs(dock)] == [2, 3]
    aws.close()


# Replay


def test_a_replay_gives_the_same_event_to_the_newest_code(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: {"legs": event["data"]["legs"]})
    assert dock.execute(data={"legs": 4}).ok
    (before,) = runs(dock)
    change(dock, lambda event, runtime: {"legs": event["data"]["legs"] + 1, "task": event["id"]})

    replayed = replay(dock, run=before["id"])

    assert replayed["before"] == before
    assert replayed["after"]["event"] == before["event"]
    assert replayed["after"]["answer"] == {"legs": 5, "task": before["taskId"]}
    assert replayed["same"] is False
    assert replayed["difference"] == [
        "/legs: 4 -> 5",
        f'/task: (nothing) -> "{before["taskId"]}"',
    ]
    assert replayed["after"] == runs(dock)[-1]
    assert replayed["after"]["kind"] == "invocation"
    assert len(dock.service.tasks()) == 1


def test_the_same_answer_is_the_same(dock: Dock) -> None:
    dock.deploy(work)
    dock.execute()

    replayed = replay(dock, run=runs(dock)[0]["id"])

    assert (replayed["same"], replayed["difference"]) == (True, [])


def test_errors_are_compared_by_name_and_message(dock: Dock) -> None:
    dock.deploy(work)
    fails(dock)
    (before,) = runs(dock)

    def other(event: Any, runtime: Any) -> Any:
        raise TypeError("a leg is missing")

    assert replay(dock, run=before["id"])["same"]
    change(dock, other)
    assert replay(dock, run=before["id"])["difference"] == [
        '/error/name: "ValueError" -> "TypeError"'
    ]
    change(dock, lambda event, runtime: 4)
    assert replay(dock, run=before["id"])["difference"] == [
        "/: error ValueError (a leg is missing) -> 4"
    ]


def test_the_platforms_errors_do_not_differ_by_their_request_ids(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: runtime.exit(1))
    fails(dock)
    (before,) = runs(dock)
    assert before["requestId"] in before["error"]["message"]

    assert replay(dock, run=before["id"])["same"]


def test_a_recording_is_replayed_also_where_no_runs_are_kept(start_dock: StartDock) -> None:
    dock = start_dock(history=0)
    dock.deploy(lambda event, runtime: event["legs"])
    run = {"functionName": NAME, "event": {"legs": 4}, "answer": 3}

    replayed = replay(dock, recording={"taskdock": "run", "version": 1, "run": run})

    assert replayed["difference"] == ["/: 3 -> 4"]
    assert replayed["after"]["log"]
    assert runs(dock) == []


GOOD = {"taskdock": "run", "version": 1, "run": {"functionName": NAME, "event": {}}}


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({}, (400, 14), "required and missing: run (an id), or recording (a saved run)"),
        ({"run": "1" * 24, "recording": GOOD}, (400, 15), "give run or recording, not both"),
        ({"run": "first"}, (400, 12), "is not an id"),
        ({"run": "1" * 24}, (404, 16), "there is no run 111111111111111111111111"),
        ({"recording": {}}, (400, 15), "this is no recording of a run"),
        (
            {"recording": GOOD | {"version": 2}},
            (400, 15),
            "has version 2, and this taskdock reads 1",
        ),
        ({"recording": GOOD | {"version": True}}, (400, 15), "has no version, such as 1"),
        ({"recording": GOOD | {"run": None}}, (400, 15), "has no run; write one with"),
        ({"recording": GOOD | {"run": {}}}, (400, 15), "has no functionName"),
        ({"recording": GOOD | {"run": {"functionName": NAME}}}, (400, 15), "has no event"),
        (
            {"recording": GOOD | {"run": {"functionName": "a b", "event": 1}}},
            (400, 1407),
            "letters, digits and hyphens (underscores, too, but not in a task-config.json)",
        ),
        ({"recording": GOOD}, (404, 16), f"there is no function '{NAME}' to replay the run with"),
    ],
)
def test_what_cannot_be_replayed_is_told(
    shared: Dock, body: Json, status: tuple[int, int], message: str
) -> None:
    answer = answer_to_replay(shared, body)

    assert summary(answer) == status
    assert message in answer.json()["message"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("?since=-1", "since: '-1' is no whole number from 0"),
        ("?since=soon", "since: 'soon' is no whole number"),
        ("?limit=0", "limit: '0' is no whole number from 1 to 1000"),
        ("?limit=1001", "limit: '1001' is no whole number from 1 to 1000"),
        ("?failed=perhaps", "failed: 'perhaps' is neither true nor false"),
        ("?since=99999999999999999999", "is no whole number from 0"),
    ],
)
def test_a_list_that_means_nothing_is_refused(shared: Dock, query: str, message: str) -> None:
    answer = shared.call("GET", f"/runs{query}", base="/taskdock")

    assert summary(answer) == (400, 15)
    assert message in answer.json()["message"]


def test_a_run_that_is_not_kept_any_more_is_told(shared: Dock) -> None:
    answer = shared.call("GET", f"/runs/{'1' * 24}", base="/taskdock")

    assert summary(answer) == (404, 16)
    assert "taskdock runs list" in answer.json()["message"]


# The command


def test_the_command_lists_and_shows_runs(dock: Dock, taskdock: Taskdock) -> None:
    dock.deploy(work)
    dock.execute(data={"legs": 4})
    fails(dock)
    good, bad = runs(dock)

    listed = taskdock("runs", "list")
    failed = json.loads(taskdock("runs", "list", "--failed", "--json").stdout)
    shown = taskdock("runs", "show", good["id"])

    assert [line.split()[0] for line in listed.stdout.splitlines()[1:]] == [bad["id"], good["id"]]
    assert "ValueError" in listed.stdout
    assert failed == [bad]
    assert json.loads(taskdock("runs", "show", good["id"], "--json").stdout) == good
    assert '"legs": 4' in shown.stdout
    assert "at work" in shown.stdout
    assert taskdock("runs", "list", "--function", "oak-chair").stderr.startswith("no such runs")


def test_a_run_is_saved_and_replayed_from_its_file(
    dock: Dock, taskdock: Taskdock, tmp_path: Path
) -> None:
    dock.deploy(lambda event, runtime: {"legs": 4})
    dock.execute()
    (run,) = runs(dock)
    file = tmp_path / "run.json"

    saved = taskdock("runs", "save", run["id"], str(file))
    same = taskdock("runs", "replay", str(file))
    change(dock, lambda event, runtime: {"legs": 3})
    different = taskdock("runs", "replay", str(file))
    by_id = taskdock("runs", "replay", run["id"], "--json")

    assert saved.stdout == f"saved  {run['id']}  in {file}\n"
    assert json.loads(file.read_text()) == {"taskdock": "run", "version": 1, "run": run}
    assert (same.exit_code, same.stdout) == (0, 'same  {"legs": 4}\n')
    assert different.exit_code == 1
    assert different.stdout.splitlines()[1:] == ["  /legs: 4 -> 3"]
    assert (by_id.exit_code, json.loads(by_id.stdout)["same"]) == (1, False)
    assert list(tmp_path.glob(".*.part")) == []


def test_the_command_says_what_is_wrong_with_a_file(
    dock: Dock, taskdock: Taskdock, tmp_path: Path
) -> None:
    text, other, listed = (tmp_path / name for name in ("a.txt", "b.json", "c.json"))
    text.write_text("hello")
    other.write_text("{}")
    listed.write_text("[1]")

    answers = [
        taskdock("runs", "replay", str(file))
        for file in (text, other, listed, tmp_path / "none.json", "1" * 24)
    ]
    answers.append(taskdock("runs", "save", "1" * 24, str(text)))

    assert [answer.exit_code for answer in answers] == [2] * 6
    told = [answer.stderr for answer in answers]
    assert "is no JSON, so it is no recording of a run" in told[0]
    assert "this is no recording of a run" in told[1]
    assert "is no recording of a run" in told[2]
    assert "there is no file" in told[3]
    assert "there is no run" in told[4]
    assert "there is no run" in told[5]
    assert text.read_text() == "hello"
    assert not any("Traceback" in each for each in told)


def test_a_file_that_cannot_be_written_is_told(
    dock: Dock, taskdock: Taskdock, tmp_path: Path
) -> None:
    dock.deploy(work)
    dock.execute()

    answer = taskdock("runs", "save", runs(dock)[0]["id"], str(tmp_path / "none" / "run.json"))

    assert (answer.exit_code, "cannot be written: No such file" in answer.stderr) == (2, True)
