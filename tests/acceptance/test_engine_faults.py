"""An engine that goes, hangs or loses containers, and comes back: the server needs no restart."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import docker
import pytest
import requests

from taskdock.engines.docker.locate import find_engine
from taskdock.testing.waiting import eventually
from tests.acceptance.conftest import StartServer
from tests.support.engine_door import EngineDoor
from tests.support.live import LiveServer, ask

pytestmark = [pytest.mark.docker, pytest.mark.long]

CODE = {
    "main.py": """import time

def handler(event, context):
    data = event.get("data") or {}
    print("run", event["id"])
    time.sleep(data.get("seconds", 0))
    return "done"
"""
}
LIMIT = 30  # seconds that any answer may take: less than anybody would wait for a hanging engine


@pytest.fixture
def door(engine: docker.DockerClient, tmp_path: Path) -> Iterator[EngineDoor]:
    """Before this machine's engine; `engine` goes by no door."""
    with EngineDoor(find_engine(os.environ), tmp_path / "engine.sock") as door:
        yield door


@pytest.fixture
def server(
    door: EngineDoor, start_server: StartServer, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LiveServer]:
    monkeypatch.setenv("DOCKER_HOST", door.address)
    server = start_server("--prewarm", "0", "--concurrency", "4")
    yield server
    door.come_back()  # its stop removes containers


def health(server: LiveServer) -> tuple[int, list[str]]:
    answer = ask("GET", f"{server.service.url}/health", timeout=LIMIT)
    return answer.status_code, [trouble["name"] for trouble in answer.json()["troubles"]]


def execute(server: LiveServer, name: str) -> requests.Response:
    url = f"{server.service.url}/tasks/v1/functions/{name}/execute"
    return ask("POST", url, json={}, timeout=LIMIT)


def invoke(server: LiveServer, name: str) -> requests.Response:
    url = f"{server.service.url}/2015-03-31/functions/{name}/invocations"
    return ask("POST", url, json={}, timeout=LIMIT)


def runs(server: LiveServer, task_id: str) -> int:
    return server.service.log(task_id).count(f"run {task_id}")


def assert_each_ran_once(server: LiveServer, tasks: list[str]) -> None:
    ended = server.service.finish(tasks, within=120)
    assert {task["status"] for task in ended} == {"complete"}
    assert [runs(server, task) for task in tasks] == [1] * len(tasks)


def containers_of(engine: docker.DockerClient, server: LiveServer, function: str) -> list[str]:
    names = {id: engine.api.inspect_container(id)["Name"] for id in server.containers()}
    return [id for id, name in names.items() if function in name]


@pytest.mark.parametrize("fault", ["leave", "hang"])
def test_an_engine_that_is_not_there_for_a_while_costs_time_and_nothing_else(
    server: LiveServer, door: EngineDoor, fault: str
) -> None:
    for name in ("warm", "cold"):
        server.service.deploy(name, CODE)
    assert execute(server, "warm").status_code == 200

    getattr(door, fault)()
    tasks = [server.service.create("cold") for _ in range(20)]
    executed, invoked = execute(server, "cold"), invoke(server, "cold")

    assert (executed.status_code, executed.json()["code"]) == (503, 1405)
    assert "the Docker Engine does not answer" in executed.json()["message"]
    assert invoked.status_code == 503
    assert health(server) == (503, ["engine"])
    eventually(lambda: len(server.service.tasks("eq(status,new)")) == len(tasks), "all are new")
    assert execute(server, "warm").status_code == 200
    door.come_back()
    assert_each_ran_once(server, tasks)
    eventually(lambda: health(server) == (200, []), "all is well")


def test_a_function_whose_container_is_removed_is_not_blamed(
    server: LiveServer, engine: docker.DockerClient
) -> None:
    server.service.deploy("sleeper", CODE)
    task = server.service.create("sleeper", {"seconds": 20})
    eventually(lambda: runs(server, task), "it has begun")

    for id in containers_of(engine, server, "sleeper"):
        engine.api.remove_container(id, force=True)
    ended = server.service.reach(task, "failed")

    assert ended["error"]["name"] == "zombieTaskCleaned"
    assert "nobody knows what it did" in ended["error"]["message"]
    assert execute(server, "sleeper").status_code == 200


def test_a_killed_server_gives_back_what_waited_for_a_container(
    server: LiveServer, door: EngineDoor
) -> None:
    server.service.deploy("cold", CODE)
    door.hang()
    tasks = [server.service.create("cold") for _ in range(4)]
    eventually(lambda: _waiting(server) == len(tasks), "it is written that they wait")

    server.kill()
    door.leave()
    door.come_back()
    server.start()

    assert_each_ran_once(server, tasks)


def _waiting(server: LiveServer) -> int:
    """How many tasks have surely not begun, by the database."""
    with closing(sqlite3.connect(server.data / "taskdock.db")) as database:
        ((count,),) = database.execute("SELECT count(*) FROM task WHERE waiting = 1")
    return int(count)
