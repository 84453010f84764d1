"""The commands, against a small Task Service behind real HTTP."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from taskdock import __file__ as package
from taskdock.base.errors import TaskdockError
from taskdock.base.settings import ImageChoice
from taskdock.base.timing.clock import SystemClock
from taskdock.client.api import TaskService
from taskdock.client.demo import hello_worlds as demo
from taskdock.client.deployment import images
from taskdock.client.errors import NotStarted
from taskdock.client.servers.local_server import LocalServer
from taskdock.commands import COMMANDS, main
from taskdock.engines.images import Found, ImageStatus, RuntimeStatus
from tests.support.at_terminal import OpenTerminal
from tests.support.live import REPOSITORY
from tests.support.stub_service import StubService

Taskdock = Callable[..., Result]


@pytest.fixture
def stub() -> Iterator[StubService]:
    with StubService() as stub:
        yield stub


@pytest.fixture
def taskdock(stub: StubService) -> Taskdock:
    def call(*words: str, stdin: str | None = None, url: str = stub.url) -> Result:
        return CliRunner().invoke(main, words, input=stdin, env={"TASKDOCK_URL": url})

    return call


@pytest.fixture
def hello(tmp_path: Path) -> Path:
    return write_function(tmp_path, "hello")


def write_function(folder: Path, name: str, **fields: Any) -> Path:
    (folder / name / "src").mkdir(parents=True)
    (folder / name / "src" / "index.py").write_text("handler = print")
    config = {"name": name, "path": "src", "entryPoint": "index.handler", "runtime": "python3.12"}
    (folder / name / "task-config.json").write_text(json.dumps(config | fields))
    return folder / name


def test_a_function_is_created_and_then_updated(
    taskdock: Taskdock, stub: StubService, hello: Path
) -> None:
    first, second = taskdock("deploy", str(hello)), taskdock("deploy", str(hello))

    assert first.stdout == "created  hello  (python3.12, 30 s, 128 MB)\n"
    assert second.stdout == "updated  hello  (python3.12, 30 s, 128 MB)\n"
    assert sorted(stub.bodies("PUT")[0]) == ["code", "entryPoint"]


def test_a_changed_runtime_is_sent_in_an_update(
    taskdock: Taskdock, stub: StubService, hello: Path
) -> None:
    stub.add_function("hello", runtime="python3.9")

    taskdock("deploy", str(hello))

    assert stub.bodies("PUT")[0]["runtime"] == "python3.12"


def test_an_image_needs_no_file(taskdock: Taskdock, stub: StubService) -> None:
    words = ("--image", "my/image:1", "--name", "boxed", "--handler", "app.run", "--env", "A=b=c")

    result = taskdock("deploy", *words)

    assert result.exit_code == 0, result.output
    assert stub.bodies("POST")[0] == {
        "name": "boxed",
        "image": "my/image:1",
        "entryPoint": "app.run",
        "environmentVariables": {"A": {"value": "b=c"}},
    }


def test_a_function_that_fails_to_deploy_does_not_keep_back_the_others(
    taskdock: Taskdock, stub: StubService, tmp_path: Path
) -> None:
    for name, runtime in [("a", "python3.12"), ("b", "cobol"), ("c", "python3.12")]:
        write_function(tmp_path, name, runtime=runtime)

    result = taskdock("deploy", str(tmp_path), "--json")

    assert result.exit_code == 1
    assert [function["name"] for function in json.loads(result.stdout)] == ["a", "c"]
    assert "b/task-config.json: no such runtime (1402" in result.stderr


def test_a_result_is_alone_on_stdout_and_the_log_on_stderr(
    taskdock: Taskdock, stub: StubService
) -> None:
    stub.add_function("hello")
    stub.outcomes["hello"] = [{"result": {"greeting": "Hello Ada!"}}]

    result = taskdock("run", "hello", "-e", "-", stdin='{"name": "Ada"}')

    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"greeting": "Hello Ada!"}
    assert result.stderr == "START\nEND\n"
    assert stub.bodies("POST") == [{"data": {"name": "Ada"}}]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_data_comes_from_files_as_editors_write_them(
    taskdock: Taskdock, stub: StubService, tmp_path: Path, encoding: str
) -> None:
    stub.add_function("hello")
    stub.outcomes["hello"] = [{"result": 1}]
    file = tmp_path / "event.json"
    file.write_text('{"name": "Zoë"}', encoding=encoding)

    result = taskdock("run", "hello", "-e", str(file))

    assert result.exit_code == 0, result.output
    assert stub.bodies("POST") == [{"data": {"name": "Zoë"}}]


@pytest.mark.parametrize(
    ("error_name", "exit_code"),
    [("TypeError", 1), ("Sandbox.Timedout", 124), ("Runtime.OutOfMemory", 137)],
)
def test_the_exit_code_tells_how_a_function_failed(
    taskdock: Taskdock, stub: StubService, error_name: str, exit_code: int
) -> None:
    stub.add_function("hello")
    error = {"name": error_name, "message": "no"}
    stub.outcomes["hello"] = [{"error": error}, {"status": "failed", "error": error}]

    executed = taskdock("run", "hello")
    queued = taskdock("tasks", "create", "hello", "--wait")

    assert (executed.exit_code, queued.exit_code) == (exit_code, exit_code)
    assert executed.stdout == ""
    assert f"{error_name}: no" in executed.stderr
    assert f"{error_name}: no" in queued.stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["run", "hello", "-d", "{a}"], "-d was given no valid JSON: line 1, column 2: a name in"),
        (["run", "hello", "-d", "NaN"], "NaN is not JSON"),
        (["run", "hello", "-d", "[" * 100_000 + "]" * 100_000], "nested more than 1000 deep"),
        (["run", "hello", "-d", "1", "-e", "-"], "not both"),
        (["run", "helo"], "there is no function helo; did you mean hello?"),
        (["tasks", "create", "other"], "there is no function other; there is hello"),
        (["tasks", "create", "hello", "--start-at", "soon"], "neither an ISO 8601 time nor"),
        (["tasks", "cancel", "f" * 24], "there is no task ffffffffffffffffffffffff"),
        (["logs", "f" * 24, "-f"], "there is no task ffffffffffffffffffffffff"),
        (["deploy"], "give the PATH"),
        (["deploy", "/nowhere"], "/nowhere does not exist"),
        (["deploy", "--image", "a", "--name", "b", "--env", "C"], "C is not NAME=VALUE"),
        (["functions", "list", "--url", "nowhere"], "known by the name in http://nowhere:8080"),
        (["serve", "--port", "http"], "the setting port (TASKDOCK_PORT) is 'http'"),
    ],
)
def test_a_wrong_call_exits_with_2_and_says_why(
    taskdock: Taskdock, stub: StubService, words: list[str], complaint: str
) -> None:
    stub.add_function("hello")

    result = taskdock(*words)

    assert result.exit_code == 2
    assert complaint in result.stderr
    assert result.stdout == ""


def test_without_a_server_the_command_says_how_to_start_one(taskdock: Taskdock) -> None:
    with socket.socket() as unused:
        unused.bind(("localhost", 0))
        url = f"http://localhost:{unused.getsockname()[1]}"

    result = taskdock("functions", "list", url=url)

    assert result.exit_code == 2
    port = url.rpartition(":")[2]
    assert result.stderr.splitlines()[0] == (
        f"Error: no taskdock server answers at {url} (from TASKDOCK_URL);"
        f" start one with: taskdock serve --port {port}"
    )


def test_waiting_goes_on_with_the_retries_of_a_task(taskdock: Taskdock, stub: StubService) -> None:
    stub.add_function("hello")
    stub.outcomes["hello"] = [{"status": "retried"}, {"status": "complete"}]

    result = taskdock("tasks", "create", "hello", "--wait", "--json", "-d", "{}")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["retryForTaskIds"] == [f"{1:024x}"]
    assert [line.split()[1] for line in result.stderr.splitlines()] == [
        "new",
        "inProgress",
        "retried",
        "new",
        "inProgress",
        "complete",
    ]


def test_waiting_ends_with_its_timeout(taskdock: Taskdock, stub: StubService) -> None:
    stub.add_function("hello")

    result = taskdock("tasks", "create", "hello", "--wait", "--timeout", "0")

    assert result.exit_code == 124
    assert "still new after 0 s" in result.stderr


def test_a_task_is_created_as_its_options_say(taskdock: Taskdock, stub: StubService) -> None:
    stub.add_function("hello")
    words = ("--priority", "7", "--tag", "a", "--tag", "b", "--start-at", "2026-01-02T13:00+01:00")

    result = taskdock("tasks", "create", "hello", *words)

    assert result.stdout == f"{1:024x}\n"
    assert stub.bodies("POST") == [
        {
            "functionName": "hello",
            "startTimestamp": "2026-01-02T12:00:00.000Z",
            "priority": 7,
            "tags": ["a", "b"],
        }
    ]


def test_tasks_are_listed_by_a_query(taskdock: Taskdock, stub: StubService) -> None:
    stub.add_task("hello")
    stub.add_task("other")

    result = taskdock("tasks", "list", "--status", "new", "--function", "hello", "--limit", "5")

    assert stub.calls[0][1] == (
        "/tasks/v1/?eq(status,new)&eq(functionName,hello)&sort(-creationTimestamp)&limit(5)"
    )
    assert [line.split()[:3] for line in result.stdout.splitlines()] == [
        ["ID", "FUNCTION", "STATUS"],
        [f"{1:024x}", "hello", "new"],
    ]


def test_a_watched_list_asks_for_the_tasks_alone_while_nothing_changes(stub: StubService) -> None:
    stub.add_task("hello", status="complete")

    with OpenTerminal("tasks", "list", "--watch", "--url", stub.url) as terminal:
        terminal.until("complete")
        give_up = time.monotonic() + 30
        while sum("/tasks/v1/?" in path for _, path, _ in stub.calls) < 3:
            assert time.monotonic() < give_up
            time.sleep(0.05)
        terminal.end()

    asked = [path.partition("?")[0] for _, path, _ in stub.calls]
    assert asked[:3] == ["/tasks/v1/", "/taskdock/runs/durations", "/taskdock/clock"]
    assert set(asked[3:]) == {"/tasks/v1/"}


def test_only_a_new_task_is_canceled(taskdock: Taskdock, stub: StubService) -> None:
    task = stub.add_task("hello")

    first, second = (taskdock("tasks", "cancel", task["id"]) for _ in range(2))

    assert (first.exit_code, task["status"]) == (0, "canceled")
    assert second.exit_code == 1
    assert "This task is not new (27 ILLEGAL_STATE_EXCEPTION)" in second.stderr


def test_a_long_log_is_printed_whole(taskdock: Taskdock, stub: StubService) -> None:
    task = stub.add_task("hello")
    stub.logs[task["id"]] = [f"line {number}" for number in range(200)]

    result = taskdock("logs", task["id"])

    assert [line.split("  ")[1] for line in result.stdout.splitlines()] == stub.logs[task["id"]]


def test_a_log_is_followed_until_the_task_has_ended(taskdock: Taskdock, stub: StubService) -> None:
    task = stub.add_task("hello")

    result = taskdock("logs", "-f", "--json", task["id"])

    assert [json.loads(line)["message"] for line in result.stdout.splitlines()] == ["START", "END"]
    assert task["status"] == "complete"


def test_functions_are_listed_shown_and_deleted(taskdock: Taskdock, stub: StubService) -> None:
    stub.add_function("hello")

    listed = json.loads(taskdock("functions", "list", "--json").stdout)
    shown = taskdock("functions", "show", "hello").stdout
    deleted = taskdock("functions", "delete", "hello").stdout

    assert [function["name"] for function in listed] == ["hello"]
    assert "timeLimit    30" in shown
    assert deleted == "deleted  hello\n"
    assert "no functions; deploy one" in taskdock("functions", "list").stderr


def test_runtimes_are_listed_without_a_server(
    taskdock: Taskdock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = RuntimeStatus("python3.12", "lambda/python:3.12", ImageStatus.PRESENT, 5_000_000)
    monkeypatch.setattr("taskdock.server.provision.survey_runtimes", lambda choice, show: [one])

    listed, printed = taskdock("runtimes"), taskdock("runtimes", "--json")

    assert listed.stdout.splitlines()[1].split() == [
        *("python3.12", "present", "5", "MB", "lambda/python:3.12")
    ]
    assert json.loads(printed.stdout) == [
        {
            "id": "python3.12",
            "image": "lambda/python:3.12",
            "status": "present",
            "size": 5_000_000,
        }
    ]


@pytest.mark.parametrize("chosen", ["registry", "standin", "auto"])
def test_where_images_come_from_is_an_option_and_a_variable(
    taskdock: Taskdock, monkeypatch: pytest.MonkeyPatch, chosen: str
) -> None:
    asked: list[tuple[str, ...]] = []

    def ensure(ids: Any, choice: ImageChoice, show: Any) -> dict[str, Found]:
        asked.append((choice.value, *ids))
        show("pulling it")
        return {id: Found(f"image-of/{id}") for id in ids}

    monkeypatch.setattr("taskdock.server.provision.ensure_images", ensure)

    by_option = taskdock("images", "--images", chosen, "python3.11")
    monkeypatch.setenv("TASKDOCK_IMAGES", chosen)
    by_variable = taskdock("images", "python3.11")

    assert asked == [(chosen, "python3.11")] * 2
    assert by_option.stdout == by_variable.stdout == "python3.11  image-of/python3.11\n"
    assert by_option.stderr == "pulling it\n"


def test_a_choice_of_images_that_there_is_not_is_refused(taskdock: Taskdock) -> None:
    refused = taskdock("runtimes", "--images", "none")

    assert refused.exit_code == 2
    assert refused.stderr == ("Error: --images has to be auto, registry or standin, not 'none'\n")


STANDIN = {
    "wanted": "python3.12",
    "state": "ready",
    "image": "taskdock/standin-python:3.12",
    "standInFor": "public.ecr.aws/lambda/python:3.12",
    "reason": "public.ecr.aws cannot be reached",
}
WARNED = (
    "taskdock/standin-python:3.12, a stand-in for public.ecr.aws/lambda/python:3.12, because"
    " public.ecr.aws cannot be reached"
)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (
            STANDIN,
            "warning: python3.12 runs in taskdock/standin-python:3.12, in place of AWS's image;"
            " why: taskdock functions show hello\n",
        ),
        ({"wanted": "python3.12", "state": "ready", "image": "lambda/python:3.12"}, ""),
        (
            {"wanted": "python3.12", "state": "missing", "reason": "There is none."},
            "warning: hello has no image to run in. There is none.\n",
        ),
    ],
)
def test_what_a_deployed_function_runs_in_is_said_where_it_matters(
    taskdock: Taskdock, stub: StubService, hello: Path, image: dict[str, str], said: str
) -> None:
    stub.status = {"images": [{**STANDIN, "wanted": "nodejs20.x"}, image]}

    deployed = taskdock("deploy", str(hello))

    assert deployed.exit_code == 0
    assert deployed.stdout == "created  hello  (python3.12, 30 s, 128 MB)\n"
    assert deployed.stderr == said


def test_an_image_that_takes_long_does_not_hold_up_a_deployment(stub: StubService) -> None:
    stub.status = {"images": [{"wanted": "python3.12", "state": "awaited"}]}
    function = {"name": "hello", "runtime": "python3.12"}

    with closing(TaskService(stub.url)) as service:
        image = images.settled(service, function, SystemClock(), limit=0.1)

    assert "its image is being pulled or built" in str(images.warning(function, image))


def test_a_function_is_shown_with_what_it_runs_in(taskdock: Taskdock, stub: StubService) -> None:
    stub.add_function("hello")
    before = taskdock("functions", "show", "hello").stdout
    stub.status = {"images": [STANDIN]}

    shown = taskdock("functions", "show", "hello").stdout
    as_json = json.loads(taskdock("functions", "show", "hello", "--json").stdout)

    assert "runs in" not in before
    assert f"runs in      {WARNED}\n" in shown
    assert "runs in" not in as_json


def test_the_demo_runs_its_samples_on_a_server_that_is_there(
    taskdock: Taskdock, stub: StubService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "taskdock.server.provision.build_sample_image", lambda folder, **_: f"built/{folder.name}"
    )
    error = {"name": "E", "message": "no"}
    stub.outcomes["hello-world-docker"] = [{"status": "failed", "error": error}]

    failed = taskdock("demo", "--url", stub.url)
    complete = taskdock("demo", "--url", stub.url)

    assert (failed.exit_code, complete.exit_code) == (1, 0)
    assert stub.functions["hello-world-docker"]["image"] == "built/hello-world-docker"
    assert "error     E: no" in failed.stdout
    assert failed.stdout.splitlines()[-2:] == [
        "hello-world-docker: E: no",
        "What is wrong with this machine, and how to mend it, says: taskdock doctor",
    ]
    assert "doctor" not in complete.stdout
    assert complete.stdout.isascii()


def test_the_demo_tells_a_reason_once_whoever_failed_for_it() -> None:
    reason = {"name": "NotReachable", "message": "containers cannot reach this server.\n  mend it"}
    failed = [
        {"functionName": "a", "status": "failed", "error": reason},
        {"functionName": "b", "status": "failed", "error": {"name": "E", "message": "no"}},
        {"functionName": "c", "status": "failed", "error": dict(reason)},
        {"functionName": "d", "status": "inProgress"},
    ]

    told = demo.diagnosis(failed)

    assert told[1:-1] == [
        "a, c: NotReachable: containers cannot reach this server.\n  mend it",
        "b: E: no",
        "d: it was still inProgress after 1800 s",
    ]
    assert demo.diagnosis([]) == []


def test_the_demo_shows_only_the_end_of_a_failed_samples_log(
    taskdock: Taskdock, stub: StubService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("taskdock.server.provision.build_sample_image", lambda *_, **__: "built")
    monkeypatch.setattr(stub, "first_lines", [f"line {number} " + "x" * 200 for number in range(9)])
    stub.outcomes["hello-world-python"] = [
        {"status": "failed", "error": {"name": "E", "message": "m"}}
    ]

    failed = taskdock("demo", "--url", stub.url).stdout

    one = failed.partition("   hello-world-python\n")[2].partition("\n\n")[0].splitlines()
    logged = [line for line in one if line.startswith("   log ")]
    assert [line.split()[2] for line in logged] == ["6", "7", "8"]
    assert all(len(line) < 120 for line in logged)


FRAIL = """
import http.server, os, sys
asked = []
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        asked.append(self.path)
        if len(asked) > 2:
            os._exit(9)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")
server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
print(f"  Task Service  http://127.0.0.1:{server.server_port}", flush=True)
server.serve_forever()
"""


def test_a_server_that_goes_away_in_the_middle_of_the_demo_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # this process is not only the demo's

    with pytest.raises(TaskdockError) as caught:
        demo.run(
            url=None,
            server_command=[sys.executable, "-c", FRAIL],
            data_dir=tmp_path,
            build_image=lambda *_, **__: "built",
            clock=SystemClock(),
        )

    assert caught.value.message.splitlines() == [
        "the demo's server went away; it ended with exit code 9",
        "What is wrong with this machine, and how to mend it, says: taskdock doctor",
    ]


def test_duration_and_memory_are_read_from_the_report_line() -> None:
    report = (
        "REPORT RequestId: 1\tInit Duration: 90.00 ms\tDuration: 3.01 ms\t"
        "Billed Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB"
    )

    assert demo.measured(["START", report]) == ("3.01 ms", "36 MB")
    assert demo.measured(["START"]) == (None, None)


SERVER = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
print("taskdock is up")
print("  Task Service  " + sys.argv[1])
signal.sigwait({signal.SIGTERM})
"""
"""Ends by SIGTERM. A handler would not run during a sleep if the signal came just before it."""


def start(script: str, *words: str, data_dir: Path, **limits: float) -> LocalServer:
    command = [sys.executable, "-c", script, *words]
    return LocalServer(command, data_dir=data_dir, clock=SystemClock(), on_line=print, **limits)


def test_a_server_of_our_own_is_stopped_in_the_end(stub: StubService, tmp_path: Path) -> None:
    with start(SERVER, stub.url, data_dir=tmp_path) as server:
        assert server.url == stub.url
        assert server.exit_code is None

    assert server.exit_code == 0


def test_a_server_that_does_not_stop_is_killed(stub: StubService, tmp_path: Path) -> None:
    deaf = SERVER.replace("sigwait({signal.SIGTERM})", "sigwait({signal.SIGUSR1})")
    assert deaf != SERVER

    with start(deaf, stub.url, data_dir=tmp_path, stop_limit=0.1) as server:
        pass

    assert server.exit_code == -signal.SIGKILL


BUSY = """
import signal, sys, time
signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGTERM))
print("  Task Service  " + sys.argv[1], flush=True)
while signal.SIGTERM not in signal.sigpending():
    time.sleep(0.01)
sys.exit(len(signal.sigpending()))
"""


def test_a_hurry_at_the_moment_of_a_stop_is_not_lost(stub: StubService, tmp_path: Path) -> None:
    """A server takes no signal for a moment while it starts or works hard."""
    with start(BUSY, stub.url, data_dir=tmp_path) as server:
        server.hurry()

    assert server.exit_code == 2  # signals


def test_a_server_that_does_not_start_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    server = start("raise SystemExit('no engine')", data_dir=tmp_path)

    with pytest.raises(NotStarted, match="exit code 1"), server:
        pass

    assert capsys.readouterr().out == "no engine\n"


NO_ENGINE = {
    "name": "engine",
    "reason": "it does not answer",
    "sinceTimestamp": "2026-01-02T12:00:00.000Z",
    "severity": "failing",
}
NO_LIMIT = NO_ENGINE | {"name": "memory", "reason": "no limit", "severity": "degraded"}


def test_a_server_that_says_that_it_does_not_work_has_not_started(
    stub: StubService, tmp_path: Path
) -> None:
    stub.health = {"status": "failing", "troubles": [NO_ENGINE]}, 503
    server = start(SERVER, stub.url, data_dir=tmp_path)

    with pytest.raises(NotStarted, match="does not work: engine: it does not answer"), server:
        pass

    assert server.exit_code == 0


def test_a_server_that_works_worse_has_started_and_says_so(
    stub: StubService, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stub.health = {"status": "ok", "troubles": [NO_LIMIT]}, 200

    with start(SERVER, stub.url, data_dir=tmp_path):
        pass

    assert "memory: no limit" in capsys.readouterr().out


STATUS = {
    "version": "1.2.3",
    "url": "http://localhost:8080",
    "startTimestamp": "2026-01-02T12:00:00.000Z",
    "environments": [
        {
            "functionName": "hello",
            "state": "frozen",
            "memory": 128,
            "idleSince": "2026-01-02T12:00:07.000Z",
        },
        {"functionName": "other", "state": "busy", "memory": 256},
    ],
    "prepared": [],
    "tasks": {"new": 3, "inProgress": 1},
    "memory": {"budget": 2048, "held": 384},
    "stored": {
        "size": 12_582_912,
        "fileSize": 25_165_824,
        "logSize": 0,
        "limit": 1_073_741_824,
        "keepDays": 30.0,
        "oldestTimestamp": "2026-01-01T12:00:00.000Z",
        "removed": {"tasks": 7, "logLines": 5},
    },
}


def test_the_status_is_a_few_lines_and_a_table(taskdock: Taskdock, stub: StubService) -> None:
    stub.status = STATUS

    result = taskdock("status")

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "taskdock   1.2.3",
        "address    http://localhost:8080",
        "dashboard  http://localhost:8080/ui/",
        "since      2026-01-02 12:00:00 UTC",
        "tasks      3 new, 1 in progress",
        "memory     384 of 2048 MB",
        "database   12 of 1024 MB, 30 days at most, since 2026-01-01 12:00:00 UTC; 12 rows removed",
        "prepared   none",
        "",
        "FUNCTION  STATE   MB   IDLE SINCE (UTC)",
        "hello     frozen  128  2026-01-02 12:00:07",
        "other     busy    256  -",
    ]


def test_the_status_begins_with_what_does_not_work(taskdock: Taskdock, stub: StubService) -> None:
    stub.status = STATUS | {"troubles": [NO_ENGINE, NO_LIMIT]}

    result = taskdock("status")

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[:3] == [
        "does not work: engine, since 2026-01-02 12:00:00 UTC: it does not answer",
        "degraded: memory, since 2026-01-02 12:00:00 UTC: no limit",
        "taskdock   1.2.3",
    ]


def test_the_status_is_shown_while_the_database_cannot_be_read(
    taskdock: Taskdock, stub: StubService
) -> None:
    unread = {name: value for name, value in STATUS.items() if name not in ("tasks", "stored")}
    stub.status = {**unread, "troubles": [NO_ENGINE]}

    result = taskdock("status")

    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].startswith("does not work: ")
    assert "memory" in result.stdout
    assert "database" not in result.stdout


def test_the_status_says_what_is_prepared(taskdock: Taskdock, stub: StubService) -> None:
    level = {"runtime": "python3.11", "memory": 128, "count": 7, "wanted": 8}
    stub.status = STATUS | {"environments": [], "prepared": [level]}

    result = taskdock("status")

    assert "prepared   7 of 8 python3.11, 128 MB\n" in result.stdout
    assert "no environments" in result.stderr


def test_the_status_is_there_for_programs_too(taskdock: Taskdock, stub: StubService) -> None:
    stub.status = STATUS

    assert json.loads(taskdock("status", "--json").stdout) == STATUS


def test_the_status_of_no_server_is_a_wrong_call(taskdock: Taskdock) -> None:
    result = taskdock("status", url="http://localhost:9")

    assert result.exit_code == 2
    assert "no taskdock server answers at http://localhost:9" in result.stderr


def test_the_installed_command_runs_this_code(tmp_path: Path) -> None:
    command = (sys.executable, "-c", "import taskdock; print(taskdock.__file__)")

    said = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)

    assert said.stdout.strip() == package


@pytest.mark.parametrize("name", COMMANDS)
def test_the_map_of_commands_says_of_each_what_it_says_itself(name: str) -> None:
    command = main.get_command(click.Context(main), name)

    assert command is not None
    assert command.name == name
    said = (command.help or "").split(". ")[0].split(".\n")[0].rstrip(".")
    first, *rest = COMMANDS[name].help.rstrip(".").split(": ")
    assert said.startswith(first.split(",")[0])
    assert all(part.split(",")[0] in said for part in rest)


def test_a_command_imports_nothing_of_another() -> None:
    script = (
        "import sys; from taskdock.commands import main; main(['version'], standalone_mode=False)"
    )
    script += "; print(*[name for name in sys.modules if name.startswith('taskdock.')])"

    told = subprocess.run(
        [sys.executable, "-c", script], cwd=REPOSITORY, check=True, capture_output=True, text=True
    )

    loaded = told.stdout.split()
    assert "taskdock.commands.server.status" in loaded
    assert not [name for name in loaded if name.startswith("taskdock.server")]
    assert "taskdock.commands.tasks.tasks" not in loaded


def test_what_is_installed_has_one_package_at_its_top() -> None:
    assert '"emulator" = "taskdock"\n' in (REPOSITORY / "pyproject.toml").read_text()
