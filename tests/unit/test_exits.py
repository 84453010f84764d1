"""The table of exit codes, and servers that go away or answer with a fault of their own."""

from __future__ import annotations

import json
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from taskdock.base.errors import BadField, EngineUnreachable, TaskdockError
from taskdock.client import errors
from taskdock.client.console import exits
from taskdock.client.errors import MalformedCall, ServiceError
from taskdock.client.servers.local_server import own_command
from taskdock.commands import main

TASK = {"id": "a" * 24, "functionName": "hello", "status": "inProgress"}
STAMPS = {"statusChangedTimestamp": "2026-01-02T12:00:00.000Z"}


def refusal(code: int) -> ServiceError:
    return ServiceError({"code": code, "name": "NAME", "message": "no"})


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (TaskdockError("no"), 1),
        (refusal(27), 1),
        (errors.UnknownFunction("hello", []), 2),
        (errors.ServerUnreachable("no server"), 2),
        (MalformedCall({"code": 15, "message": "no"}), 2),
        (errors.CredentialsRefused({"code": 104, "message": "no"}), 2),
        (refusal(10), 2),
        (refusal(106), 2),
        (refusal(1404), 2),
        (refusal(1), 3),
        (refusal(1403), 3),
        (refusal(1405), 3),
        (refusal(1902), 3),
        (errors.ServerLost("gone"), 3),
        (errors.NotStarted("no"), 3),
        (errors.NotDeployed("no"), 3),
        (BadField("no"), 2),
        (EngineUnreachable(), 1),  # of serve, which has codes of its own
    ],
    ids=str,
)
def test_each_error_has_its_exit_code(error: TaskdockError, code: int) -> None:
    assert exits.of_refusal(error) == code


@pytest.mark.parametrize(
    ("task", "code"),
    [
        ({"status": "complete"}, 0),
        ({"status": "failed", "error": {"type": "runtime", "name": "TypeError"}}, 1),
        ({"status": "failed", "error": {"type": "runtime", "name": "Runtime.ExitError"}}, 1),
        ({"status": "failed", "error": {"type": "runtime", "name": "Sandbox.Timedout"}}, 124),
        ({"status": "failed", "error": {"type": "runtime", "name": "Runtime.OutOfMemory"}}, 137),
        ({"status": "failed", "error": {"type": "invocation", "name": "ImageNotAvailable"}}, 3),
        ({"status": "failed", "error": {"type": "invocation", "name": "zombieTaskCleaned"}}, 3),
        ({"status": "failed"}, 1),
        ({"status": "canceled"}, 3),
        ({"status": "new"}, 124),
        ({"status": "inProgress"}, 124),
    ],
    ids=str,
)
def test_each_end_of_a_task_has_its_exit_code(task: dict[str, Any], code: int) -> None:
    assert exits.of_task(task) == code


@contextmanager
def server(answers: list[dict[str, Any] | None], status: int = 200) -> Iterator[str]:
    """Gives these answers, and ends with the first that is None, without a word."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            answer = answers.pop(0) if answers else None
            if answer is None:
                listening.socket.close()
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Not into the output of tests."""

    listening = HTTPServer(("localhost", 0), Handler)
    thread = threading.Thread(target=_serve, args=(listening,), daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{listening.server_port}"
    finally:
        listening.server_close()
        thread.join(5)


def _serve(listening: HTTPServer) -> None:
    listening.timeout = 0.1
    while listening.socket.fileno() >= 0:
        listening.handle_request()


def taskdock(url: str, *words: str) -> Result:
    return CliRunner().invoke(main, words, env={"TASKDOCK_URL": url})


def test_a_server_that_goes_while_the_function_runs_is_3() -> None:
    with server([None]) as url:
        done = taskdock(url, "run", "hello")

    assert done.exit_code == exits.NOT_RUN, done.output
    assert "closed the connection without an answer; was it stopped?" in done.stderr


def test_a_server_that_goes_while_a_task_is_waited_for_is_3() -> None:
    task = {**TASK, **STAMPS}
    with server([{"name": "hello"}, task, {"mode": "real"}, {"data": [task]}, None]) as url:
        done = taskdock(url, "tasks", "create", "hello", "--wait")

    assert done.exit_code == exits.NOT_RUN, done.output
    assert done.stdout == f"{TASK['id']}\n"


def test_a_task_that_a_reset_removes_while_it_is_waited_for_is_3() -> None:
    task = {**TASK, **STAMPS}
    answers = [{"name": "hello"}, task, {"mode": "real"}, {"data": [task]}, {"data": []}]
    with server([*answers]) as url:
        done = taskdock(url, "tasks", "create", "hello", "--wait")

    assert done.exit_code == exits.NOT_RUN, done.output


@pytest.mark.parametrize("status", [500, 503, 507])
def test_a_server_that_cannot_work_is_3(status: int) -> None:
    fault = {"code": 1, "name": "SERVER_EXCEPTION", "message": "the disk is full"}
    with server([fault], status) as url:
        done = taskdock(url, "run", "hello")

    assert done.exit_code == exits.NOT_RUN
    assert "the disk is full" in done.stderr


@pytest.mark.parametrize("words", [("run", "--help"), ("tasks", "create", "--help")])
def test_the_help_has_the_exit_codes(words: tuple[str, ...]) -> None:
    help = " ".join(CliRunner().invoke(main, words).stdout.split())

    assert exits.IN_SHORT in help


# Surroundings of the command


def in_shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """`line`: of the shell, with `"$@"` for the command."""
    return subprocess.run(
        ["sh", "-c", line, "sh", *own_command()],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_are_no_fault(closed: str, tmp_path: Path) -> None:
    done = in_shell(f'"$@" version {closed}', tmp_path)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_full_disk_of_the_output_is_a_sentence(tmp_path: Path) -> None:
    done = in_shell('"$@" version >/dev/full', tmp_path)

    assert done.returncode == exits.NOT_RUN
    assert done.stderr == (
        "Error: No space left on device; is the disk of the output full, or the current folder"
        " gone?\n"
    )


@pytest.mark.parametrize("command", ["serve --detach --port 0", "dev", "deploy . --check"])
def test_a_current_folder_that_is_gone_is_a_sentence(command: str, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()

    done = in_shell(f'rmdir "$PWD"; TASKDOCK_URL=localhost:1 "$@" {command}', gone)

    assert done.returncode != 0
    assert done.stderr.startswith("Error: ")
    assert "Traceback" not in done.stderr
