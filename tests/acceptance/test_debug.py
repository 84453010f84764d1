"""`taskdock debug` with real debug clients: breakpoints, variables, steps, and then the answer."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from taskdock.base import ids
from taskdock.testing.waiting import eventually
from tests.acceptance.conftest import StartServer
from tests.support.aws import lambda_client
from tests.support.debug_clients import AdapterClient, InspectorClient
from tests.support.live import COMMAND, LiveServer, ask, make_images

pytestmark = [pytest.mark.docker, pytest.mark.long]

PYTHON = """\
import os

LEGS = 4


def handler(event, context):
    wood = (event.get("data") or event).get("wood", "oak")
    seen = sorted(name for name in os.environ if "DEBUG" in name or "WRAPPER" in name)
    return {"wood": wood, "legs": LEGS, "seen": seen, "memory": context.memory_limit_in_mb}
"""
JAVASCRIPT = """\
'use strict';
const legs = 4;

exports.handler = async (event) => {
  const wood = (event.data || event).wood || 'oak';
  const seen = Object.keys(process.env).filter((name) => /DEBUG|WRAPPER|NODE_OPTIONS/.test(name));
  return { wood, legs, seen };
};
"""
TIME_LIMIT = 3  # seconds, the least that there is


class Debugging:
    """The command `taskdock debug`, which runs in a folder until it is ended."""

    def __init__(self, server: LiveServer, folder: Path, *words: str) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [*COMMAND, "debug", *words],
            cwd=folder,
            env={**os.environ, "TASKDOCK_URL": server.service.url, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def said(self, part: str) -> str:
        """The first line with this part, once it has come."""
        return eventually(
            lambda: next((line for line in self.lines if part in line), None), part, state=self.log
        )

    def log(self) -> str:
        return "\n".join(self.lines)

    def port(self, name: str) -> int:
        line = self.said(f"{name}: ")
        self.said("Ctrl-C ends")
        return int(line.rpartition(":")[2])

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        if self._process.poll() is None:
            self._process.send_signal(number)
        code = self._process.wait(30)
        self._reader.join(30)
        assert self._process.stdout is not None
        self._process.stdout.close()
        return code

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.lines.append(line.rstrip("\n"))


Debug = Callable[..., Debugging]


@pytest.fixture(scope="module", autouse=True)
def all_images() -> None:
    make_images("python3.9", "python3.11", "python3.14", "nodejs18.x", "nodejs24.x")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder of two functions, with a space in its path."""
    folder = tmp_path / "my project"
    for name, file, code, entry, runtime in (
        ("python", "main.py", PYTHON, "main.handler", "python3.11"),
        ("javascript", "index.js", JAVASCRIPT, "index.handler", "nodejs24.x"),
    ):
        make(folder / name, file, code, entry, runtime)
    return folder


def make(folder: Path, file: str, code: str, entry: str, runtime: str, **more: Any) -> str:
    """A function with a name of its own, which is returned."""
    (folder / "src").mkdir(parents=True, exist_ok=True)
    (folder / "src" / file).write_text(code)
    name = f"{folder.name}-{ids.word(6)}"
    config = {"name": name, "path": "src", "entryPoint": entry, "runtime": runtime}
    config |= {"timeLimit": TIME_LIMIT, **more}
    (folder / "task-config.json").write_text(json.dumps(config))
    return name


def deploy(server: LiveServer, folder: Path) -> str:
    command = [*COMMAND, "deploy", "--url", server.service.url, str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    return str(json.loads((folder / "task-config.json").read_text())["name"])


@pytest.fixture
def debug(server: LiveServer, project: Path) -> Iterator[Debug]:
    """Begins the command; it is ended with the test."""
    begun: list[Debugging] = []

    def begin(*words: str) -> Debugging:
        begun.append(Debugging(server, project, *words))
        return begun[-1]

    yield begin
    for one in begun:
        one.end()


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(8) as threads:
        yield threads


def execute(server: LiveServer, name: str, data: Any = None) -> Any:
    answer = server.service.post(f"/functions/{name}/execute", {"data": data or {}})
    return answer["result"]


def sessions(server: LiveServer) -> list[Any]:
    found: list[Any] = ask("GET", f"{server.service.url}/taskdock/debug").json()["data"]
    return found


def environments(server: LiveServer, name: str) -> list[str]:
    found = ask("GET", f"{server.service.url}/status").json()["environments"]
    return [one["state"] for one in found if one["functionName"] == name]


@pytest.mark.parametrize("runtime", ["python3.9", "python3.14"])
def test_python_stops_at_a_breakpoint_and_the_answer_arrives(
    runtime: str, server: LiveServer, project: Path, debug: Debug, threads: ThreadPoolExecutor
) -> None:
    folder = project / "python"
    make(folder, "main.py", PYTHON, "main.handler", runtime)
    name = deploy(server, folder)
    port = debug("python").port(name)

    with AdapterClient(port, folder / "src", {"main.py": [7]}) as client:
        answer = threads.submit(execute, server, name, {"wood": "ash"})
        frame = client.stopped()
        assert (frame["name"], frame["line"]) == ("handler", 7)
        assert frame["source"]["path"] == str(folder / "src" / "main.py")
        assert "wood" not in client.variables(frame)
        client.next()
        frame = client.stopped()
        assert (frame["line"], client.variables(frame)["wood"]) == (8, "'ash'")
        client.go_on()
        assert answer.result(60) == {"wood": "ash", "legs": 4, "seen": [], "memory": "128"}


@pytest.mark.parametrize("runtime", ["nodejs18.x", "nodejs24.x"])
def test_node_stops_at_a_breakpoint_and_the_answer_arrives(
    runtime: str, server: LiveServer, project: Path, debug: Debug, threads: ThreadPoolExecutor
) -> None:
    folder = project / "javascript"
    make(folder, "index.js", JAVASCRIPT, "index.handler", runtime)
    name = deploy(server, folder)
    port = debug(name).port(name)

    with InspectorClient(port) as client:
        client.set_breakpoint("file:///var/task/index.js", 6)
        answer = threads.submit(execute, server, name, {"wood": "ash"})
        frame = client.paused()
        assert (frame["functionName"], frame["location"]["lineNumber"]) == ("exports.handler", 5)
        assert client.variables(frame)["wood"] == "ash"
        client.step_over()
        assert client.paused()["location"]["lineNumber"] == 6
        client.resume()
        assert answer.result(60) == {"wood": "ash", "legs": 4, "seen": []}


def test_a_breakpoint_is_held_for_longer_than_the_time_limit_and_the_log_says_so(
    server: LiveServer, project: Path, debug: Debug, threads: ThreadPoolExecutor
) -> None:
    name = deploy(server, project / "python")
    port = debug(name).port(name)

    with AdapterClient(port, project / "python" / "src", {"main.py": [9]}) as client:
        task = server.service.post("/", {"functionName": name, "data": {}})["id"]
        client.stopped()
        held = threading.Event()
        assert not held.wait(TIME_LIMIT + 1)
        client.go_on()
        ended = eventually(lambda: _ended(server, task))
    assert ended["status"] == "complete"
    lines = server.service.log(task)
    assert f"taskdock: debug session: the time limit ({TIME_LIMIT} s) is off" in lines


def _ended(server: LiveServer, task: str) -> Any:
    found = server.service.task(task)
    return found if found["status"] in ("complete", "failed") else None


def test_code_outside_of_handlers_waits_for_the_debugger_if_asked_to(
    server: LiveServer, project: Path, debug: Debug, threads: ThreadPoolExecutor
) -> None:
    names = [deploy(server, project / folder) for folder in ("python", "javascript")]
    debugging = debug(*names, "--wait")
    ports = [debugging.port(name) for name in names]
    answers = [threads.submit(execute, server, name) for name in names]
    eventually(lambda: [one["calls"] for one in sessions(server)] == [1, 1], "both calls wait")
    assert [one["state"] for one in sessions(server)] == ["starting", "starting"]

    with AdapterClient(ports[0], project / "python" / "src", {"main.py": [3]}) as python:
        assert python.stopped()["name"] == "<module>"
        python.go_on()
        assert answers[0].result(60)["legs"] == 4
    with InspectorClient(ports[1]) as node:
        node.set_breakpoint("file:///var/task/index.js", 2)
        node.let_begin()
        assert node.paused()["location"]["lineNumber"] == 1
        node.resume()
        assert answers[1].result(60)["legs"] == 4


def test_two_functions_are_debugged_at_once_and_a_call_of_each_kind_stops(
    server: LiveServer, project: Path, debug: Debug, threads: ThreadPoolExecutor
) -> None:
    python, node = (deploy(server, project / folder) for folder in ("python", "javascript"))
    debugging = debug(python, node)
    with (
        AdapterClient(
            debugging.port(python), project / "python" / "src", {"main.py": [9]}
        ) as adapter,
        InspectorClient(debugging.port(node)) as inspector,
    ):
        inspector.set_breakpoint("file:///var/task/index.js", 7)
        invoked = threads.submit(_invoke, server, python, {"wood": "elm"})
        executed = threads.submit(execute, server, node, {"wood": "fir"})
        assert adapter.variables(adapter.stopped())["wood"] == "'elm'"
        assert inspector.variables(inspector.paused())["wood"] == "fir"
        inspector.resume()
        assert executed.result(60)["wood"] == "fir"
        adapter.go_on()
        assert invoked.result(60)["wood"] == "elm"

        page = f"{server.service.url}/tasks/v1/api/{node}/table"
        asked = threads.submit(ask, "GET", page)
        inspector.paused()
        inspector.resume()
        assert asked.result(60).status_code == 400  # its answer is none of an API function


def _invoke(server: LiveServer, name: str, event: Any) -> Any:
    aws = lambda_client(server.service.url)
    answer = aws.invoke(FunctionName=name, Payload=json.dumps(event).encode())
    return json.load(answer["Payload"])


def test_a_client_detaches_attaches_again_and_is_killed_and_calls_go_on(
    server: LiveServer, project: Path, debug: Debug, threads: ThreadPoolExecutor
) -> None:
    source = project / "python" / "src"
    name = deploy(server, project / "python")
    port = debug(name).port(name)
    with AdapterClient(port, source, {"main.py": [9]}) as client:
        client.detach()
    assert execute(server, name)["legs"] == 4

    with AdapterClient(port, source, {"main.py": [9]}) as client:
        answer = threads.submit(execute, server, name)
        client.stopped()
        client.drop()
    assert answer.result(60)["legs"] == 4
    eventually(lambda: sessions(server)[0]["clients"] == 0)

    with AdapterClient(port, source, {"main.py": [9]}) as client:
        again = threads.submit(execute, server, name)
        client.stopped()
        client.go_on()
        assert again.result(60)["legs"] == 4


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_when_the_command_ends_in_whatever_way(
    number: signal.Signals,
    server: LiveServer,
    project: Path,
    debug: Debug,
    threads: ThreadPoolExecutor,
) -> None:
    name = deploy(server, project / "python")
    debugging = debug(name)
    port = debugging.port(name)
    with AdapterClient(port, project / "python" / "src", {"main.py": [9]}) as client:
        task = server.service.post("/", {"functionName": name, "data": {}})["id"]
        client.stopped()
        assert debugging.end(number) == (-number if number is signal.SIGKILL else 0)
        eventually(lambda: not sessions(server), "the session has ended")
    ended: Future[Any] = threads.submit(lambda: eventually(lambda: _ended(server, task)))
    assert ended.result(60)["status"] == "complete"  # it was given back, and runs as usual
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port)).close()
    eventually(lambda: len(environments(server, name)) == 1, "the usual one alone is left")


def test_a_call_is_made_at_once_and_new_code_is_debugged_by_whoever_attaches_again(
    server: LiveServer, project: Path, debug: Debug
) -> None:
    name = deploy(server, project / "python")
    debugging = debug(name, "-d", '{"wood": "yew"}')
    debugging.said('"wood": "yew"')
    port = debugging.port(name)
    source = project / "python" / "src"
    with AdapterClient(port, source, {"main.py": [9]}):
        (source / "main.py").write_text(PYTHON.replace("LEGS = 4", "LEGS = 3"))
        deploy(server, project / "python")
        debugging.said("there is new code")
    eventually(lambda: not sessions(server)[0]["newCode"])
    assert execute(server, name)["legs"] == 3


def test_a_debugger_is_reached_where_containers_have_no_network(
    start_server: StartServer, project: Path, threads: ThreadPoolExecutor
) -> None:
    server = start_server("--network", "none")
    name = deploy(server, project / "python")
    debugging = Debugging(server, project, name)
    try:
        port = debugging.port(name)
        with AdapterClient(port, project / "python" / "src", {"main.py": [9]}) as client:
            answer = threads.submit(execute, server, name)
            client.stopped()
            client.go_on()
            assert answer.result(60)["legs"] == 4
    finally:
        debugging.end()
