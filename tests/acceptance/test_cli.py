"""The taskdock command against a live server: what it prints where, and its exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from taskdock.server import provision
from taskdock.testing.task_client import Json
from taskdock.testing.waiting import eventually
from tests.acceptance.conftest import StartServer
from tests.support.live import REPOSITORY, CommandLine, LiveServer, TaskService, source

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

SAMPLES = REPOSITORY / "sample_functions"
CODE = {
    "echo": "def handler(task, context):\n    print('noted')\n    return task['data']\n",
    "breaks": "def handler(task, context):\n    raise ValueError('boom')\n",
    "slow": "import time\ndef handler(task, context):\n    time.sleep(30)\n",
    "hungry": "def handler(task, context):\n    return len(b'x' * (512 << 20))\n",
}


@pytest.fixture(scope="module")
def functions(server: LiveServer) -> None:
    for name, code in CODE.items():
        server.service.deploy(f"cli-{name}", {"main.py": code}, timeLimit=3)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of two functions, and of one thing that is none."""
    for name in ("cli-first", "cli-second"):
        (tmp_path / "functions" / name / "src").mkdir(parents=True)
        (tmp_path / "functions" / name / "src" / "main.py").write_text(CODE["echo"])
        _configure(tmp_path / "functions" / name, name=name)
    (tmp_path / "functions" / "notes").mkdir()
    return tmp_path / "functions"


def test_a_folder_is_deployed_and_then_updated(taskdock: CommandLine, folder: Path) -> None:
    created = taskdock.succeed("deploy", str(folder / "cli-first"))
    updated = taskdock.succeed("deploy", str(folder / "cli-first"), "--time-limit", "9")

    assert re.fullmatch(r"(created|updated)  cli-first  \(python3\.11, 30 s, 128 MB\)\n", created)
    assert updated == "updated  cli-first  (python3.11, 9 s, 128 MB)\n"
    assert taskdock.succeed("run", "cli-first", "-d", '{"n": 1}') == '{\n  "n": 1\n}\n'


def test_a_folder_of_folders_is_deployed_at_once(taskdock: CommandLine, folder: Path) -> None:
    deployed = json.loads(taskdock.succeed("deploy", str(folder), "--json"))

    assert [function["name"] for function in deployed] == ["cli-first", "cli-second"]
    assert json.loads(taskdock.succeed("run", "cli-second", "-d", '{"n": 2}')) == {"n": 2}


def test_one_bad_function_in_a_folder_does_not_keep_the_others_out(
    taskdock: CommandLine, folder: Path
) -> None:
    _configure(folder / "cli-first", name="cli-first", runtime="cobol1.0")

    done = taskdock("deploy", str(folder))

    assert done.returncode == 1
    assert "cobol1.0" in done.stderr
    assert "cli-second" in done.stdout


def test_an_image_is_deployed_without_a_file(taskdock: CommandLine) -> None:
    image = provision.build_sample_image(SAMPLES / "hello-world-docker")

    taskdock.succeed("deploy", "--image", image, "--name", "cli-image")

    result = json.loads(taskdock.succeed("run", "cli-image", "-d", '{"name": "Ada"}'))
    assert result["greeting"] == "Hello Ada!"


def test_functions_are_listed_shown_and_deleted(
    taskdock: CommandLine, service: TaskService
) -> None:
    service.deploy("cli-mayfly", source("sleeper"), description="short of life")

    listed = taskdock.succeed("functions", "list")
    shown = taskdock.succeed("functions", "show", "cli-mayfly")
    deleted = taskdock.succeed("functions", "delete", "cli-mayfly")

    limits = r"python3\.\d+ +\d+ s +\d+ MB +yes"
    updated = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert re.search(rf"^cli-mayfly +{limits} +{updated} +short of life$", listed, re.M)
    assert re.search(r"^entryPoint +main\.handler$", shown, re.M)
    assert deleted == "deleted  cli-mayfly\n"
    assert "cli-mayfly" not in taskdock.succeed("functions", "list")
    assert taskdock("functions", "show", "cli-mayfly").returncode == 2


@pytest.mark.usefixtures("functions")
def test_a_run_prints_the_result_alone_and_the_log_beside_it(taskdock: CommandLine) -> None:
    done = taskdock("run", "cli-echo", "-e", "-", stdin='{"text": "ä"}')

    assert done.returncode == 0
    assert json.loads(done.stdout) == {"text": "ä"}
    *_, start, noted, end, report = done.stderr.splitlines()
    assert (start[:5], noted, end[:3], report[:6]) == ("START", "noted", "END", "REPORT")


@pytest.mark.usefixtures("functions")
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["cli-breaks"], 1, "ValueError: boom"),
        (["cli-slow"], 124, "Task timed out after 3.00 seconds"),
        (["cli-hungry"], 137, "Runtime.OutOfMemory"),
        (["cli-eco"], 2, "did you mean cli-echo"),
        (["cli-echo", "-d", "{"], 2, "no valid JSON"),
        (["cli-echo", "-d", "[]"], 2, "-d has to be an object"),
        (["cli-echo", "--url", "http://localhost:9"], 2, "no taskdock server answers"),
    ],
)
def test_a_run_that_fails_says_how_with_its_exit_code(
    taskdock: CommandLine, words: list[str], code: int, said: str
) -> None:
    done = taskdock("run", *words)

    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert said in done.stderr
    assert "Traceback (most recent call last):\n  File" not in done.stderr


@pytest.mark.usefixtures("functions")
@pytest.mark.parametrize(
    ("name", "code", "status"),
    [("cli-echo", 0, "complete"), ("cli-breaks", 1, "failed"), ("cli-slow", 124, "failed")],
)
def test_a_task_is_created_and_waited_for(
    taskdock: CommandLine, service: TaskService, name: str, code: int, status: str
) -> None:
    done = taskdock("tasks", "create", name, "-d", "{}", "--wait")

    assert done.returncode == code
    task = service.task(done.stdout.strip())
    assert (task["functionName"], task["status"]) == (name, status)
    assert status in done.stderr


@pytest.mark.usefixtures("functions")
def test_waiting_for_a_task_may_be_given_up(taskdock: CommandLine) -> None:
    words = ("--start-at", "+3600", "--wait", "--timeout", "0.5")

    done = taskdock("tasks", "create", "cli-echo", *words)

    assert done.returncode == 124
    assert "still new after 0.5 s" in done.stderr
    taskdock.succeed("tasks", "cancel", done.stdout.strip())


@pytest.mark.usefixtures("functions")
def test_tasks_are_listed_shown_and_canceled(taskdock: CommandLine) -> None:
    words = ("--start-at", "2999-01-01T00:00:00Z", "--priority", "7", "--tag", "a", "--tag", "b")
    task_id = taskdock.succeed("tasks", "create", "cli-echo", *words).strip()

    filters = ("--status", "new", "--function", "cli-echo")
    (listed,) = json.loads(taskdock.succeed("tasks", "list", *filters, "--json"))
    canceled = taskdock.succeed("tasks", "cancel", task_id)

    assert (listed["id"], listed["priority"], listed["tags"]) == (task_id, 7, ["a", "b"])
    assert listed["startTimestamp"] == "2999-01-01T00:00:00.000Z"
    assert canceled == f"canceled  {task_id}\n"
    assert json.loads(taskdock.succeed("tasks", "show", task_id, "--json"))["status"] == "canceled"
    assert task_id in taskdock.succeed("tasks", "list")
    assert "canceled" in taskdock("tasks", "cancel", task_id).stderr


@pytest.mark.usefixtures("functions")
def test_the_log_of_a_task_is_printed_and_followed(taskdock: CommandLine) -> None:
    task_id = taskdock.succeed("tasks", "create", "cli-echo", "-d", "{}").strip()

    followed = taskdock.succeed("logs", task_id, "--follow")
    printed = taskdock.succeed("logs", task_id)

    assert followed == printed
    line = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z  "
    assert re.search(
        rf"^{line}START RequestId: .*\n{line}noted\n{line}END RequestId: ", printed, re.M
    )
    as_json = json.loads(taskdock.succeed("logs", task_id, "--json"))
    assert [line["message"] for line in as_json if line["message"] == "noted"] == ["noted"]


def test_the_runtimes_are_known_without_a_server(tmp_path: Path) -> None:
    taskdock = CommandLine(tmp_path, "http://localhost:9")

    found = {one["id"]: one for one in json.loads(taskdock.succeed("runtimes", "--json"))}

    assert found["python3.11"]["status"] in ("present", "stand-in")
    assert found["python3.11"]["size"] > 1_000_000
    assert {"nodejs24.x", "java21", "provided.al2023"} <= found.keys()


def test_a_port_that_is_taken_is_named(server: LiveServer, tmp_path: Path) -> None:
    port = server.service.url.rpartition(":")[2]
    taskdock = CommandLine(tmp_path, server.service.url)

    done = taskdock("serve", "--port", port, "--data-dir", "other")

    assert done.returncode == 1
    assert f"port {port} is in use" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_data_folder_serves_one_server_only(start_server: StartServer, tmp_path: Path) -> None:
    server = start_server()
    taskdock = CommandLine(tmp_path, server.service.url)

    done = taskdock("serve", "--port", "0", "--data-dir", str(server.data))

    assert done.returncode == 1
    assert f"another taskdock uses the data folder {server.data}" in done.stderr
    assert server.service.get("/functions/")["data"] == []


@pytest.mark.parametrize("words", [["--port", "http"], ["--concurrency", "0"], ["--color"]])
def test_a_setting_that_is_not_valid_is_a_wrong_call(
    taskdock: CommandLine, words: list[str]
) -> None:
    done = taskdock("serve", *words)

    assert done.returncode == 2
    assert words[0].strip("-") in done.stderr.lower()


def _configure(folder: Path, **fields: str) -> None:
    config = {"path": "src", "entryPoint": "main.handler", "runtime": "python3.11", **fields}
    (folder / "task-config.json").write_text(json.dumps(config))


@pytest.mark.usefixtures("functions")
def test_the_status_shows_the_environment_that_has_just_run(taskdock: CommandLine) -> None:
    taskdock.succeed("run", "cli-echo", "-d", "{}")

    def idle() -> Json | None:
        found: Json = json.loads(taskdock.succeed("status", "--json"))
        return found if "idleSince" in of_echo(found) else None

    def of_echo(status: Json) -> Json:
        (found,) = [e for e in status["environments"] if e["functionName"] == "cli-echo"]
        return dict(found)

    found = eventually(idle, "it idles")
    assert found is not None
    assert of_echo(found)["memory"] == 128
    assert of_echo(found)["idleSince"] > found["startTimestamp"]
    told = taskdock.succeed("status")
    assert re.search(r"^address +http://localhost:\d+$", told, re.MULTILINE)
    assert re.search(r"^cli-echo +(ready|frozen) +128 +\d{4}-", told, re.MULTILINE)
