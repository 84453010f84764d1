"""Exit codes, logs and blocks of the commands run, tasks create --wait and runs replay."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from taskdock.client.console import exits
from taskdock.commands import main
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.builders import Dock, Gate, Json, StartDock

Taskdock = Callable[..., Result]
Handler = Callable[[Any, FakeRuntime], Any]

NAME = "walnut-table"


def taskdock_of(dock: Dock) -> Taskdock:
    return lambda *words: CliRunner().invoke(main, words, env={"TASKDOCK_URL": dock.url})


@pytest.fixture
def taskdock(dock: Dock) -> Taskdock:
    return taskdock_of(dock)


def breaks(event: Json, runtime: FakeRuntime) -> None:
    runtime.print("sawing")
    raise ValueError("a table with three legs")


WAYS = (("run", NAME), ("run", NAME, "--queue"), ("tasks", "create", NAME, "--wait"))
ENDS: list[tuple[str, Handler, int]] = [
    ("a result", lambda event, runtime: {"legs": 4}, exits.OK),
    ("an error", breaks, exits.FAILED),
    ("an exit", lambda event, runtime: runtime.exit(3), exits.FAILED),
    ("no memory", lambda event, runtime: runtime.exhaust_memory(), exits.OUT_OF_MEMORY),
    ("no time", lambda event, runtime: runtime.hang(), exits.TIMED_OUT),
]


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
@pytest.mark.parametrize(("handler", "code"), [end[1:] for end in ENDS], ids=[e[0] for e in ENDS])
def test_each_way_to_run_a_function_has_the_exit_code_of_its_end(
    dock: Dock, taskdock: Taskdock, way: tuple[str, ...], handler: Handler, code: int
) -> None:
    dock.deploy(handler)
    dock.shorten(time_limit=1)

    done = taskdock(*way)

    assert done.exit_code == code, done.output
    is_result = code == exits.OK and way[0] == "run"
    assert (json.loads(done.stdout) if is_result else None) == ({"legs": 4} if is_result else None)


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_a_container_that_cannot_start_is_3(
    dock: Dock, taskdock: Taskdock, way: tuple[str, ...]
) -> None:
    dock.deploy(lambda event, runtime: None)
    dock.fake.refusal = "no space left on device"

    done = taskdock(*way)

    assert done.exit_code == exits.NOT_RUN
    assert "no space left on device" in done.stderr
    assert "Hint" not in done.stderr


def test_what_is_too_much_at_once_is_3(start_dock: StartDock) -> None:
    dock, gate = start_dock(direct_concurrency=1), Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))

    with ThreadPoolExecutor() as pool:
        running = pool.submit(dock.execute)
        dock.eventually(lambda: gate.waiting)
        done = taskdock_of(dock)("run", NAME)
        gate.open()
        running.result()

    assert done.exit_code == exits.NOT_RUN


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_a_disabled_function_is_3(dock: Dock, taskdock: Taskdock, way: tuple[str, ...]) -> None:
    dock.deploy(lambda event, runtime: None)
    dock.post(f"/functions/{NAME}/disable")

    done = taskdock(*way)

    assert done.exit_code == exits.NOT_RUN
    assert "disabled" in done.stderr


def test_a_task_that_somebody_cancels_is_3(dock: Dock, taskdock: Taskdock) -> None:
    dock.deploy(lambda event, runtime: None)

    def cancel() -> None:
        (task,) = dock.eventually(lambda: dock.get("/").json()["data"])
        dock.post(f"/{task['id']}/cancel")

    with ThreadPoolExecutor() as pool:
        canceling = pool.submit(cancel)
        done = taskdock("tasks", "create", NAME, "--start-at", "+3600", "--wait")
        canceling.result()

    assert done.exit_code == exits.NOT_RUN


def test_of_a_task_that_is_tried_again_the_last_attempt_counts(
    dock: Dock, taskdock: Taskdock
) -> None:
    def handler(event: Json, runtime: FakeRuntime) -> int:
        calls.append(1)
        runtime.print(f"attempt {len(calls)}")
        if len(calls) == 2:
            return 7
        raise ValueError("no glue")

    dock.deploy(handler, retryPolicy={"enabled": True, "errorsToRetry": ["ValueError"]})
    calls: list[int] = []

    done = taskdock("run", NAME, "--queue")

    assert (done.exit_code, json.loads(done.stdout)) == (exits.OK, 7)
    said = ["attempt 1", "ValueError: no glue; retried as ", "attempt 2"]
    assert [word for word in said if word not in done.stderr] == []


def test_a_wait_that_is_over_is_124(dock: Dock, taskdock: Taskdock) -> None:
    dock.deploy(lambda event, runtime: None)
    words = ("--start-at", "+3600", "--wait", "--timeout", "0")

    done = taskdock("tasks", "create", NAME, *words)

    assert done.exit_code == exits.TIMED_OUT
    assert "still new after 0 s; its log: taskdock logs -f " in done.stderr


@pytest.mark.parametrize(
    "words", [("run", "walnut-tabel"), ("run", NAME, "-d", "{"), ("run", NAME, "--log", "all")]
)
def test_a_wrong_call_is_2(dock: Dock, taskdock: Taskdock, words: tuple[str, ...]) -> None:
    dock.deploy(lambda event, runtime: None)

    assert taskdock(*words).exit_code == exits.WRONG_CALL


def test_a_time_limit_over_30_seconds_says_the_two_ways_and_one_of_them_works(
    dock: Dock, taskdock: Taskdock
) -> None:
    dock.deploy(lambda event, runtime: runtime.print("sawing") or {"legs": 4}, timeLimit=60)

    refused = taskdock("run", NAME)
    queued = taskdock("run", NAME, "--queue")

    assert refused.exit_code == exits.WRONG_CALL
    assert refused.stderr == (
        f"Error: {NAME} has a time limit of 60 s, and what is executed directly may have 30 s."
        f" Queue it and wait: taskdock run {NAME} --queue; or give it a shorter limit: taskdock"
        " deploy PATH --time-limit 30\n"
    )
    assert (queued.exit_code, json.loads(queued.stdout)) == (exits.OK, {"legs": 4})
    assert "sawing" in queued.stderr


@pytest.mark.parametrize(
    ("log", "shown"),
    [
        ("full", ["START", "sawing", "END", "REPORT", "ValueError:"]),
        ("short", ["sawing", "ValueError:"]),
        ("none", ["ValueError:"]),
        (None, ["sawing", "ValueError:"]),
    ],
)
@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_the_log_is_shown_as_asked_and_the_block_comes_last(
    dock: Dock, taskdock: Taskdock, way: tuple[str, ...], log: str | None, shown: list[str]
) -> None:
    dock.deploy(breaks)
    taskdock("run", NAME)  # its container is there, so INIT_START is not in the next log

    done = taskdock(*way, *(("--log", log) if log else ()))

    words = ("START", "sawing", "END", "REPORT", "ValueError:")
    lines = [line.split()[0] for line in done.stderr.splitlines() if line.split()]
    if way[-1] == "--queue" and log is None:
        shown = ["START", "sawing", "END", "REPORT", "ValueError:"]  # how it ends is not known yet
    assert [word for word in lines if word in words] == shown
    assert done.stderr.count("a table with three legs") == 1


def test_a_short_log_of_a_success_is_the_functions_own_lines(
    dock: Dock, taskdock: Taskdock
) -> None:
    dock.deploy(lambda event, runtime: runtime.print("sawing"))

    short = taskdock("run", NAME, "--log", "short")
    none = taskdock("run", NAME, "--log", "none")
    waited = taskdock("tasks", "create", NAME, "--wait", "--log", "short")

    assert (short.stdout, short.stderr) == ("null\n", "sawing\n")
    assert (none.stdout, none.stderr) == ("null\n", "")
    assert [line.split()[-1] for line in waited.stderr.splitlines()][-2:] == ["sawing", "complete"]


def test_a_file_that_is_here_is_named_by_its_path_here(
    dock: Dock, taskdock: Taskdock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def handler(event: Json, runtime: FakeRuntime) -> None:
        frames = '  File "/var/task/main.py", line 2, in handler\r    return 1 / 0'
        runtime.print(
            f"[ERROR] ZeroDivisionError: no\rTraceback (most recent call last):\r{frames}"
        )
        runtime.fail("ZeroDivisionError", "no")

    dock.deploy(handler)
    (tmp_path / "tables" / "my code").mkdir(parents=True)
    (tmp_path / "tables" / "my code" / "main.py").touch()
    config = {"name": NAME, "path": "my code"}
    (tmp_path / "tables" / "task-config.json").write_text(json.dumps(config))
    here = taskdock("run", NAME, "--log", "none").stderr.splitlines()
    monkeypatch.chdir(tmp_path)

    there = taskdock("run", NAME, "--log", "none").stderr.splitlines()

    assert here[:3] == [
        "ZeroDivisionError: no",
        "  at main.py:2, in handler",
        "    return 1 / 0",
    ]
    assert there[1] == "  at tables/my code/main.py:2, in handler"


def test_a_replay_that_could_not_be_run_is_3(dock: Dock, taskdock: Taskdock) -> None:
    dock.deploy(lambda event, runtime: 4)
    dock.execute()
    (run,) = dock.call("GET", "/runs", base="/taskdock").json()["data"]
    same = taskdock("runs", "replay", run["id"])
    dock.fake.refusal = "no space left on device"
    dock.put(f"/functions/{NAME}", {"memoryLimit": 256})

    refused = taskdock("runs", "replay", run["id"])

    assert (same.exit_code, refused.exit_code) == (exits.OK, exits.NOT_RUN)
