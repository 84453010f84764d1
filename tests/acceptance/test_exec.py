"""`taskdock exec`: a command with a server of its own, of which nothing is left."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

import docker
import pytest

from taskdock.base.files.data_folder import label_of
from taskdock.client.execution import folders, program, variables
from taskdock.lambdas.environment.spec import LABEL
from taskdock.testing.waiting import eventually
from tests.support import processes
from tests.support.live import COMMAND, REPOSITORY

pytestmark = pytest.mark.long

SAMPLE = REPOSITORY / "sample_functions" / "hello-world-python"
SECONDS = 60.0

ASK = """
import os, json, urllib.request
url = os.environ["TASKDOCK_URL"] + "/tasks/v1/functions/hello-world-python/execute"
body = json.dumps({"data": {"name": "Ada"}}).encode()
call = urllib.request.Request(url, body, {"Content-Type": "application/json"})
print(urllib.request.urlopen(call).read().decode())
"""
"""Executes the sample by the address that the command was given."""

TASK = """
import json, os, pathlib, sys, time, urllib.request
url = os.environ["TASKDOCK_URL"] + "/tasks/v1/"
body = json.dumps({"functionName": "slow"}).encode()
call = urllib.request.Request(url, body, {"Content-Type": "application/json"})
urllib.request.urlopen(call).close()
while b'"inProgress"' not in urllib.request.urlopen(url).read():
    time.sleep(0.01)
pathlib.Path(sys.argv[1] + ".pid").write_text(str(os.getpid()))
pathlib.Path(sys.argv[1]).touch()
"""
"""Leaves a task that runs."""

WAIT = """
import pathlib, signal, sys, time
seen = pathlib.Path(sys.argv[1])
signal.signal(signal.SIGINT, lambda *_: seen.write_text(seen.read_text() + "INT "))
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
seen.touch()
while True:
    time.sleep(0.01)
"""
"""Says that it runs, writes down its interrupts, and ends by SIGTERM."""


class Execution:
    """`taskdock exec` in a folder, with a cache of its own, so that what it leaves is seen."""

    def __init__(self, folder: Path, engine: docker.DockerClient) -> None:
        self.cache = folder / "cache"
        self.cwd = folder / "project"
        self.cwd.mkdir()
        self.ready = folder / "ready"
        self._engine = engine
        self._labels: set[str] = set()
        self._processes: list[subprocess.Popen[str]] = []

    def __call__(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        process = self.begin(*words, **more)
        output, errors = process.communicate(timeout=SECONDS)
        return subprocess.CompletedProcess(words, process.returncode, output, errors)

    def begin(
        self,
        *words: str,
        command: Sequence[str] = COMMAND,
        stdin: int = subprocess.PIPE,
        **more: str,
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [*command, "exec", *words],
            cwd=self.cwd,
            env=self.variables(**more),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._processes.append(process)
        return process

    def variables(self, **more: str) -> dict[str, str]:
        own = ("TASKDOCK_", "AWS_", "API_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(own)}
        return {**kept, "XDG_CACHE_HOME": str(self.cache), **more}

    @property
    def folders(self) -> list[Path]:
        return list((self.cache / "taskdock").glob("exec-*"))

    def runs(self) -> None:
        """Waits until the command of an execution runs, and keeps its server's label."""
        eventually(self.ready.exists, "the command runs")
        self._labels |= {label_of(folder) for folder in self.folders}

    def containers(self) -> list[str]:
        found = [
            self._engine.api.containers(all=True, filters={"label": f"{LABEL}.server={label}"})
            for label in self._labels
        ]
        return [container["Id"] for each in found for container in each]

    def left(self) -> list[str]:
        """What there still is of any execution: folders, containers, processes."""
        return [*map(str, self.folders), *self.containers(), *self.servers(), *self.commands()]

    def leaves_nothing(self) -> bool:
        return eventually(lambda: not self.left(), "nothing is left", state=self.left)

    def close(self) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            process.communicate(timeout=SECONDS)

    def commands(self) -> list[str]:
        """The processes of the command itself: not of exec, which has the command's words too."""
        named = str(self.ready)
        return [each for each in self._processes_with(named) if "\0exec\0" not in each]

    def servers(self) -> list[str]:
        return self._processes_with(str(self.cache))

    def _processes_with(self, word: str) -> list[str]:
        """The pid and the command line of processes that were given a word with this in it."""
        return [f"{pid}: {words}" for pid, words in processes.with_word(word).items()]


@pytest.fixture
def execution(engine: docker.DockerClient, images: None, tmp_path: Path) -> Iterator[Execution]:
    made = Execution(tmp_path, engine)
    yield made
    made.close()


def python(script: str, *words: str) -> list[str]:
    return [sys.executable, "-c", script, *words]


docker_is_needed = pytest.mark.docker


@docker_is_needed
def test_a_command_finds_the_functions_at_a_server_of_its_own(execution: Execution) -> None:
    done = execution("--functions", str(SAMPLE), "--", *python(ASK))

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"]["greeting"] == "Hello Ada!"
    assert done.stderr == ""  # a test runner's output is not interrupted
    assert execution.leaves_nothing()


@docker_is_needed
def test_the_output_and_the_exit_code_are_those_of_the_command(execution: Execution) -> None:
    process = execution.begin("--", "sh", "-c", "cat; echo careful >&2; exit 7")

    output, errors = process.communicate("given", timeout=SECONDS)

    assert (process.returncode, output, errors) == (7, "given", "careful\n")


@docker_is_needed
@pytest.mark.parametrize(("number", "code"), [("KILL", 137), ("SEGV", 139)])
def test_a_command_that_a_signal_ends_has_the_code_that_a_shell_gives_it(
    execution: Execution, number: str, code: int
) -> None:
    done = execution("--", "sh", "-c", f"kill -{number} $$")

    assert done.returncode == code


@docker_is_needed
def test_options_of_the_command_are_left_to_it(execution: Execution) -> None:
    done = execution("echo", "--functions", "--help", "--", "-x")

    assert done.stdout == "--functions --help -- -x\n"


@docker_is_needed
def test_the_services_own_client_and_aws_find_the_server_by_their_variables(
    execution: Execution,
) -> None:
    done = execution("--", "env", AWS_ACCESS_KEY_ID="mine", AWS_REGION="eu-west-1")

    found = dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)
    url = found["TASKDOCK_URL"]
    assert url.startswith("http://localhost:")
    assert (found["API_HOST"], found["AWS_ENDPOINT_URL_LAMBDA"]) == (url, url)
    assert all(found[f"API_OAUTH_{name}"] for name in ("TOKEN", "TOKEN_SECRET"))
    assert all(found[f"API_OAUTH_CONSUMER_{name}"] for name in ("KEY", "SECRET"))
    assert (found["AWS_ACCESS_KEY_ID"], found["AWS_REGION"]) == ("mine", "eu-west-1")
    assert found["AWS_DEFAULT_REGION"] == "eu-west-1"
    assert "AWS_SECRET_ACCESS_KEY" not in found


@docker_is_needed
def test_a_strict_server_knows_the_credentials_that_the_command_gets(execution: Execution) -> None:
    run = [*COMMAND, "run", "hello-world-python", "-d", '{"name": "Ada"}']

    signed = execution("--auth", "strict", "--functions", str(SAMPLE), "--", *run)
    unsigned = execution(
        "--auth", "strict", "--functions", str(SAMPLE), "--", "env", "-u", "API_OAUTH_TOKEN", *run
    )

    assert json.loads(signed.stdout)["greeting"] == "Hello Ada!", signed.stderr
    assert unsigned.returncode != 0
    assert "USER_NOT_AUTHENTICATED" in unsigned.stderr


@docker_is_needed
def test_modules_in_the_folder_of_the_call_are_not_pythons(execution: Execution) -> None:
    for name in ("queue", "docker", "click", "taskdock"):
        (execution.cwd / f"{name}.py").write_text("raise SystemExit('the wrong module')\n")

    done = execution(
        "--functions", str(SAMPLE), "--", *python(f"import sys; del sys.path[0]\n{ASK}")
    )

    assert done.returncode == 0, done.stderr


@docker_is_needed
def test_what_the_server_logs_goes_into_the_file_that_is_named(execution: Execution) -> None:
    to_file = ("--server-log", "server.log", "--log-level", "INFO")

    done = execution(*to_file, "--functions", str(SAMPLE), "--", *python(ASK))

    assert (done.returncode, done.stderr) == (0, "")
    assert "hello-world-python" in (execution.cwd / "server.log").read_text()


@docker_is_needed
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1])
def test_a_signal_is_handed_on_to_the_command(execution: Execution, number: signal.Signals) -> None:
    caught = (
        f"trap 'exit 5' {number.name[3:]}; touch {execution.ready}; while :; do sleep 0.01; done"
    )
    process = execution.begin("--", "sh", "-c", caught)
    execution.runs()

    process.send_signal(number)

    assert process.wait(SECONDS) == 5
    assert execution.leaves_nothing()


@docker_is_needed
def test_ctrl_c_at_a_terminal_reaches_the_command_once(execution: Execution) -> None:
    ours, its = pty.openpty()
    adopt = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    adopt += "os.execvp(sys.argv[1], sys.argv[1:])"
    process = execution.begin(
        "--", *python(WAIT, str(execution.ready)), command=python(adopt, *COMMAND), stdin=its
    )
    os.close(its)
    execution.runs()

    process.send_signal(signal.SIGSTOP)  # it comes to its own after the command
    os.write(ours, b"\x03")
    eventually(execution.ready.read_text, "the command has heard Ctrl-C")
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGTERM)

    assert process.wait(SECONDS) == 3
    assert execution.ready.read_text() == "INT "
    os.close(ours)
    assert execution.leaves_nothing()


@docker_is_needed
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_during_the_start_ends_it(execution: Execution, number: signal.Signals) -> None:
    process = execution.begin("--functions", str(SAMPLE), "--", "touch", str(execution.ready))
    eventually(lambda: execution.folders, "the server is being started")

    process.send_signal(number)

    assert process.wait(SECONDS) == 128 + number
    assert not execution.ready.exists()
    assert execution.leaves_nothing()


@docker_is_needed
def test_a_signal_ends_tasks_that_the_stop_would_wait_for(execution: Execution) -> None:
    configure(execution.cwd / "slow", code="import time\ntime.sleep(200)", timeLimit=300)
    process = execution.begin(
        *("--stop-grace", "200", "--functions", "slow", "--"), *python(TASK, str(execution.ready))
    )
    execution.runs()
    # Until it was waited for: before that, a signal may be handed on to a process that is ending.
    command = Path("/proc", Path(f"{execution.ready}.pid").read_text())
    eventually(lambda: not command.exists(), "the command has ended")

    process.send_signal(signal.SIGTERM)

    assert process.wait(SECONDS) == 0
    assert execution.leaves_nothing()


@docker_is_needed
def test_nothing_is_left_of_an_execution_that_is_killed(execution: Execution) -> None:
    script = f"{ASK}\n{WAIT}"
    process = execution.begin(
        "--functions", str(SAMPLE), "--", *python(script, str(execution.ready))
    )
    execution.runs()
    assert execution.containers()

    process.kill()

    assert execution.leaves_nothing()


@docker_is_needed
def test_a_server_that_ends_before_its_command_is_reported(execution: Execution) -> None:
    script = f"{WAIT}"
    process = execution.begin("--", *python(script, str(execution.ready)))
    execution.runs()
    (server,) = {int(each.partition(":")[0]) for each in execution.servers()}

    os.kill(server, signal.SIGTERM)
    eventually(lambda: _is_over(server), "the server has ended")
    process.terminate()

    _, errors = process.communicate(timeout=SECONDS)
    assert process.returncode == 3
    assert "the server had ended before the command did" in errors
    assert execution.leaves_nothing()


def _is_over(pid: int) -> bool:
    with contextlib.suppress(OSError):
        is_zombie = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        return is_zombie and len(list(Path(f"/proc/{pid}/task").iterdir())) == 1
    return True


@docker_is_needed
def test_a_function_that_the_server_refuses_keeps_the_command_from_running(
    execution: Execution,
) -> None:
    configure(execution.cwd / "good")
    configure(execution.cwd / "bad", runtime="cobol1.0")

    done = execution("--functions", ".", "--", "touch", str(execution.ready))

    assert done.returncode == 3
    assert "failed   bad/task-config.json: " in done.stderr
    assert "cobol1.0" in done.stderr
    assert done.stderr.endswith(
        "Error: 1 of 2 functions could not be deployed; the command was not run\n"
    )
    assert not execution.ready.exists()
    assert execution.leaves_nothing()


def configure(folder: Path, code: str = "return 1", **fields: object) -> None:
    handler = "def handler(event, context):\n    " + code.replace("\n", "\n    ")
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "index.py").write_text(handler)
    described = {
        "name": folder.name,
        "path": "src",
        "entryPoint": "index.handler",
        "runtime": "python3.11",
        **fields,
    }
    (folder / "task-config.json").write_text(json.dumps(described))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    configure(tmp_path / "one")
    configure(tmp_path / "two", name="one")
    configure(tmp_path / "takes", environment={"KEY": "$HOME"})
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("no program")
    return tmp_path


WRONG = [
    ([], 2, "give the COMMAND to run"),
    (["--functions", "one"], 2, "give the COMMAND to run"),
    (["--functions", "nowhere", "--", "true"], 2, "nowhere does not exist"),
    (["--functions", "empty", "--", "true"], 2, "there is no task-config.json in empty"),
    (["--functions", "one", "--functions", "two", "--", "true"], 2, "both describe the function"),
    (["--functions", "takes", "--", "true"], 2, "Let it have them with --yes"),
    (["--clock", "sundial", "--", "true"], 2, "the setting clock"),
    (["--port", "8080", "--", "true"], 2, "--port"),
    (["--server-log", "no/such/folder", "--", "true"], 2, "no/such/folder cannot be written"),
    (["--", "no-such-command"], 127, "there is no command no-such-command"),
    (["--", "./no-such-command"], 127, "there is no command ./no-such-command: no such file"),
    (["--", "./text"], 126, "./text cannot be run: it is not executable: chmod +x"),
    (["--", "./empty"], 126, "./empty cannot be run: it is a folder"),
]


@pytest.mark.parametrize(("words", "code", "said"), WRONG, ids=lambda value: str(value)[:40])
def test_a_wrong_call_says_what_is_wrong_and_starts_nothing(
    project: Path, words: list[str], code: int, said: str
) -> None:
    done = alone(project, *words)

    assert done.returncode == code, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(project.glob("cache/taskdock/exec-*"))


def test_a_server_that_does_not_start_says_why(project: Path) -> None:
    done = alone(project, "--", "touch", "ran", DOCKER_HOST=f"unix://{project}/no.sock")

    assert done.returncode == 3
    assert "no.sock" in done.stderr
    assert "the server ended with exit code 1" in done.stderr
    assert not (project / "ran").exists()
    assert not list(project.glob("cache/taskdock/exec-*"))


def alone(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    """`taskdock exec`, where no engine is needed."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TASKDOCK_")}
    return subprocess.run(
        [*COMMAND, "exec", *words],
        cwd=folder,
        env={**kept, "XDG_CACHE_HOME": str(folder / "cache"), **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def test_a_signal_that_comes_just_after_the_end_of_the_command_is_not_lost() -> None:
    heard: list[str] = []
    with program.Foreground() as ours, subprocess.Popen(["true"]) as ended:
        os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # it has ended, unknown to Popen
        ours._program = ended  # type: ignore[assignment]
        ours.hurry = lambda: heard.append("hurry")

        signal.raise_signal(signal.SIGTERM)

    assert heard == ["hurry"]


def test_a_signal_that_comes_just_before_a_wait_is_not_lost(tmp_path: Path) -> None:
    """It does not end the wait, nor does one that another thread is given."""
    ready = tmp_path / "ready"
    traps = f"trap 'exit 7' TERM; touch {ready}; for i in $(seq 100); do sleep 0.1; done"

    def tell() -> None:
        eventually(ready.exists)
        signal.pthread_kill(threading.get_ident(), signal.SIGTERM)

    with program.Foreground() as ours:
        teller = threading.Thread(target=tell)
        teller.start()
        code = ours.run("/bin/sh", ["sh", "-c", traps], os.environ)
        teller.join()

    assert code == 7


OWN = {"API_HOST": "http://localhost:1", "API_OAUTH_TOKEN": "t"}


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "taskdock", "NO_PROXY": None}),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, {"AWS_REGION": "eu-west-1"}),
        ({"AWS_PROFILE": "mine"}, {"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}),
        ({"HTTP_PROXY": "http://p"}, {"no_proxy": "localhost,127.0.0.1,::1"}),
        (
            {"http_proxy": "http://p", "no_proxy": "a.org, localhost"},
            {"NO_PROXY": "a.org,localhost,127.0.0.1,::1"},
        ),
        ({"http_proxy": "http://p", "NO_PROXY": "*"}, {"NO_PROXY": None, "no_proxy": None}),
    ],
)
def test_what_the_caller_has_set_is_kept(
    environment: Mapping[str, str], expected: Mapping[str, str | None]
) -> None:
    found = variables.of_server(OWN, environment)

    assert {name: found.get(name) for name in expected} == expected


def test_folders_of_executions_that_were_killed_with_their_server_are_swept(tmp_path: Path) -> None:
    environment = {"XDG_CACHE_HOME": str(tmp_path)}
    cache = tmp_path / "taskdock"
    for name in ("exec-over", "exec-held", "exec-new"):
        (cache / name).mkdir(parents=True)
        (cache / name / "lock").touch(mode=0o600)
    later = datetime.now(timezone.utc) + timedelta(hours=1)
    os.utime(cache / "exec-new", (time.time() + 3600,) * 2)

    with open(cache / "exec-held" / "lock") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with folders.passing(environment, later) as folder:
            there = {path.name for path in cache.glob("exec-*")}

    assert there == {"exec-held", "exec-new", folder.name}
    assert not folder.exists()
