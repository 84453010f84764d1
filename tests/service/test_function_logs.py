"""`taskdock logs FUNCTION`: the latest run of a function, and those that come."""

from __future__ import annotations

import json
import re
from contextlib import closing
from typing import Any

import pytest
from click.testing import CliRunner, Result

from taskdock.client.api import TaskService
from taskdock.client.console import exits
from taskdock.commands import main
from taskdock.commands.tasks.function_runs import FunctionRuns
from taskdock.testing.waiting import eventually
from tests.support.at_terminal import OpenTerminal
from tests.support.builders import LIMIT, Dock, Gate, StartDock
from tests.support.piped import Piped, StartPiped

NAME = "walnut-table"
OWN = re.compile(r"  said \\w+$")


def says(event: Any, runtime: Any) -> Any:
    """Prints what it is told to, wherever the event has it."""
    data = event.get("data") or event
    runtime.print(f"said {data.get('say') or event.get('rawPath', '/nothing')[1:]}")
    if data.get("fail"):
        raise ValueError("a leg is missing")
    return {"statusCode": 200, "body": "walnut"}


def call(dock: Dock, *words: str) -> Result:
    return CliRunner().invoke(main, [*words, "--url", dock.url])


def own(lines: list[str]) -> list[str]:
    """The headings, and what the function itself has printed."""
    return [
        line if line.startswith("==>") else line.rpartition("  said ")[2]
        for line in lines
        if line.startswith("==>") or "  said " in line
    ]


def execute(dock: Dock, word: str) -> str:
    return str(dock.execute(NAME, {"say": word}).json()["id"])


@pytest.fixture
def telling(dock: Dock) -> Dock:
    dock.deploy(says, NAME)
    return dock


def test_a_name_gives_the_log_of_the_latest_run(telling: Dock) -> None:
    execute(telling, "one")
    last = execute(telling, "two")

    shown = call(telling, "logs", NAME)

    assert shown.exit_code == 0, shown.output
    assert own(shown.stdout.splitlines()) == [f"==> task {last} <==", "two"]
    assert shown.stderr == ""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--tail", "0"], []),
        (["--tail", "3"], ["==> 2", "two"]),
        (["-n", "7"], ["==> 1", "one", "==> 2", "two"]),
        (["--tail", "1000"], ["==> 0", "zero", "==> 1", "one", "==> 2", "two"]),
        (["--since", "1h"], ["==> 0", "zero", "==> 1", "one", "==> 2", "two"]),
        (["--since", "2040-01-01T00:00:00Z"], []),
        (["--since", "1h", "--tail", "3"], ["==> 2", "two"]),
    ],
)
def test_the_last_lines_may_be_of_several_runs(
    telling: Dock, words: list[str], said: list[str]
) -> None:
    made = [execute(telling, word) for word in ("zero", "one", "two")]

    shown = own(call(telling, "logs", NAME, *words).stdout.splitlines())

    known = {f"==> task {id} <==": f"==> {number}" for number, id in enumerate(made)}
    assert [known.get(line, line) for line in shown] == said


@pytest.mark.parametrize("words", [[], ["-f"]])
def test_the_last_lines_of_a_task_are_counted(telling: Dock, words: list[str]) -> None:
    task = execute(telling, "one")

    whole = call(telling, "logs", task).stdout.splitlines()

    assert call(telling, "logs", task, "-n", "2", *words).stdout.splitlines() == whole[-2:]
    assert call(telling, "logs", task, "--tail", "0", *words).stdout == ""
    assert call(telling, "logs", task, "--tail", "99", *words).stdout.splitlines() == whole


def test_all_kinds_of_runs_are_followed_with_their_ids(
    telling: Dock, aws: Any, piped: StartPiped
) -> None:
    old = execute(telling, "old")
    followed = piped(telling.url, "logs", "-f", NAME)
    telling.eventually(lambda: "old" in own(followed.lines))

    executed = execute(telling, "executed")
    telling.eventually(lambda: "executed" in own(followed.lines))
    task = telling.create_task(NAME, data={"say": "queued"})
    telling.eventually(lambda: "queued" in own(followed.lines))
    assert telling.get(f"/api/{NAME}/called").ok
    telling.eventually(lambda: "called" in own(followed.lines))
    aws.invoke(FunctionName=NAME, Payload=b'{"say": "invoked"}')
    telling.eventually(lambda: "invoked" in own(followed.lines))

    assert followed.interrupt() == 0
    (request,) = telling.get("/apiRequests").json()["data"]
    listed = telling.call("GET", "/runs", base="/taskdock").json()["data"]
    assert own(followed.lines) == [
        *(f"==> task {old} <==", "old"),
        *(f"==> task {executed} <==", "executed"),
        *(f"==> task {task} <==", "queued"),
        *(f"==> API request {request['id']} <==", "called"),
        *(f"==> invocation {listed[-1]['id']} <==", "invoked"),
    ]
    assert followed.notes == []
    invoked = call(telling, "logs", listed[-1]["id"], "--tail", "4").stdout.splitlines()
    assert own(invoked) == ["invoked"]
    assert len(invoked) == 4


def test_a_log_is_followed_while_its_task_runs(dock: Dock, piped: StartPiped) -> None:
    gate = Gate()

    def slow(event: Any, runtime: Any) -> None:
        runtime.print("said before")
        gate.pass_(runtime)
        runtime.print("said after")

    dock.deploy(slow, NAME)
    first = dock.create_task(NAME)
    dock.eventually(lambda: gate.waiting)
    followed = piped(dock.url, "logs", "-f", NAME)
    dock.eventually(lambda: "before" in own(followed.lines))
    gate.open()
    dock.eventually(lambda: "after" in own(followed.lines))

    assert own(followed.lines) == [f"==> task {first} <==", "before", "after"]


def test_no_line_is_told_twice_or_lost_where_many_run(telling: Dock, piped: StartPiped) -> None:
    followed = piped(telling.url, "logs", "-f", "--json", NAME)
    telling.eventually(lambda: followed.notes)

    made = {telling.create_task(NAME, data={"say": str(number)}) for number in range(130)}
    for task in made:
        telling.finish(task)
    telling.eventually(lambda: len({json.loads(line)["id"] for line in followed.lines}) == 130)
    telling.eventually(lambda: sum("said" in line for line in followed.lines) >= 130)

    followed.interrupt()
    lines = [json.loads(line) for line in followed.lines]
    said = [(line["id"], line["message"]) for line in lines if line["message"].startswith("said")]
    assert len(said) == len(set(said)) == 130
    assert {id for id, _ in said} == made
    assert {line["kind"] for line in lines} == {"task"}


def test_more_invocations_than_a_page_has_are_told_once_each(telling: Dock, aws: Any) -> None:
    aws.invoke(FunctionName=NAME, Payload=b'{"say": "old"}')
    with closing(TaskService(telling.url)) as service:
        runs = FunctionRuns(service, NAME)
        (old,) = telling.eventually(runs.latest)  # a run ends behind its answer
        for number in range(60):
            aws.invoke(FunctionName=NAME, Payload=json.dumps({"say": str(number)}))
        said: list[str] = []

        def all_told() -> bool:
            told = [line["message"] for run, line in runs.new_lines() if line and run.id != old.id]
            said.extend(each for each in told if "said" in each)
            return len(said) >= 60

        telling.eventually(all_told)
        assert said == [f"said {n}" for n in range(60)]
        assert list(runs.new_lines()) == []


def test_a_run_without_a_log_is_told_with_its_error(telling: Dock, piped: StartPiped) -> None:
    followed = piped(telling.url, "logs", "-f", NAME)
    telling.eventually(lambda: followed.notes)
    assert telling.post(f"/functions/{NAME}/disable").ok

    task = telling.create_task(NAME)
    telling.finish(task)
    telling.eventually(lambda: followed.lines)

    assert followed.lines[0].startswith(f"==> task {task}: no log; ")
    assert followed.notes == [f"{NAME} has not run yet; its runs are awaited until Ctrl-C"]


def test_a_function_that_has_not_run_says_so(telling: Dock) -> None:
    shown = call(telling, "logs", NAME)

    assert (shown.exit_code, shown.stdout) == (0, "")
    assert shown.stderr == f"{NAME} has not run yet; run it with: taskdock run {NAME}\n"
    assert json.loads(call(telling, "logs", NAME, "--json").stdout) == []


def test_the_log_of_a_deleted_function_is_still_there(telling: Dock) -> None:
    execute(telling, "one")
    assert telling.call("DELETE", f"/functions/{NAME}").ok

    assert own(call(telling, "logs", NAME).stdout.splitlines())[1:] == ["one"]


@pytest.mark.parametrize("words", [[], ["-f"]])
def test_a_name_that_nothing_has_is_a_wrong_call(telling: Dock, words: list[str]) -> None:
    wrong = call(telling, "logs", "walnut-tabel", *words)
    id = call(telling, "logs", "f" * 24, *words)

    assert (wrong.exit_code, id.exit_code) == (2, 2)
    assert "there is no function walnut-tabel; did you mean walnut-table?" in wrong.stderr
    assert f"there is no task {'f' * 24}; find its id with: taskdock tasks list" in id.stderr


def test_a_name_that_looks_like_an_id_is_found_where_nothing_has_that_id(dock: Dock) -> None:
    name = "abcdef" * 4
    dock.deploy(says, name)
    dock.execute(name, {"say": "one"})

    assert own(call(dock, "logs", name).stdout.splitlines())[1:] == ["one"]


def test_ctrl_c_ends_a_followed_log_quietly(telling: Dock) -> None:
    with OpenTerminal("logs", "-f", NAME, "--url", telling.url) as terminal:
        terminal.until("until Ctrl-C")
        seen = terminal.end()

    assert seen.code == 0
    assert "Aborted" not in seen.text
    assert "Traceback" not in seen.text


def test_ctrl_c_ends_the_log_of_a_task_in_the_same_way(dock: Dock, piped: StartPiped) -> None:
    gate = Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime), NAME)
    task = dock.create_task(NAME)
    dock.eventually(lambda: gate.waiting)
    followed = piped(dock.url, "logs", "-f", task)
    dock.eventually(lambda: followed.lines)

    assert followed.interrupt() == 0
    gate.open()


def test_a_followed_function_outlives_its_server(
    start_dock: StartDock, piped: StartPiped, free_port: int
) -> None:
    first = start_dock(port=free_port)
    first.deploy(says, NAME)
    execute(first, "one")
    followed = piped(first.url, "logs", "-f", NAME)
    first.eventually(lambda: "one" in own(followed.lines))
    first.stop()
    first.eventually(lambda: followed.notes)

    second = start_dock(port=free_port)
    second.eventually(lambda: len(followed.notes) == 2)
    second.deploy(says, "another")  # the code of a function on a FakeEngine is in its process
    task = second.create_task(NAME)
    second.finish(task)
    second.eventually(lambda: any(task in line for line in followed.lines))

    assert sum(line.startswith("==>") for line in followed.lines) == 2
    assert followed.interrupt() == 0


def test_a_server_without_a_harness_tells_of_all_but_invocations(
    start_dock: StartDock, piped: StartPiped
) -> None:
    dock = start_dock(harness="off")
    dock.deploy(says, NAME)
    followed: Piped = piped(dock.url, "logs", "-f", NAME)
    dock.eventually(lambda: followed.notes)

    execute(dock, "executed")
    dock.eventually(lambda: "executed" in own(followed.lines))

    assert call(dock, "tasks", "list").exit_code == 0


def test_a_followed_function_moves_no_clock(timed_dock: Dock, piped: StartPiped) -> None:
    timed_dock.deploy(says, NAME)
    before = timed_dock.call("GET", "/clock", base="/taskdock").json()["now"]
    followed = piped(timed_dock.url, "logs", "-f", NAME)
    timed_dock.eventually(lambda: followed.notes)

    execute(timed_dock, "executed")
    timed_dock.eventually(lambda: "executed" in own(followed.lines))

    assert timed_dock.call("GET", "/clock", base="/taskdock").json()["now"] == before


def test_a_server_that_goes_while_a_task_is_followed_is_3(
    start_dock: StartDock, piped: StartPiped
) -> None:
    dock, gate = start_dock(stop_grace=0.1), Gate()

    def works(event: Any, runtime: Any) -> None:
        runtime.print("sawing")
        gate.pass_(runtime)

    dock.deploy(works)
    followed = piped(dock.url, "logs", "-f", dock.create_task())
    eventually(lambda: any(line.endswith("sawing") for line in followed.lines), within=LIMIT)

    dock.stop()

    assert followed.wait() == exits.NOT_RUN
