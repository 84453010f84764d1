"""What becomes of tasks and containers when the server ends: killed, or asked to stop."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import docker
import pytest

from taskdock.engines.docker.locate import find_engine
from taskdock.testing.waiting import eventually
from tests.acceptance.conftest import StartServer
from tests.support.held import LIMIT, held
from tests.support.live import LiveServer, TaskService, source

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(900)]

TASKS = 40
PLACES = 4
ZOMBIE = "zombieTaskCleaned"
KILLS = 10
SEED = 20261128
MOMENTS = {
    "an image is looked into": r"POST \S+/containers/create HTTP",
    "a container is made": r"POST \S+/containers/create\?name=taskdock-",
    "it is started": r"POST \S+/containers/\w+/start HTTP",
}
"""Of a cold start, and what the engine is asked then."""


def test_after_a_crash_nothing_is_stuck_and_nothing_is_left(start_server: StartServer) -> None:
    server = start_server("--concurrency", str(PLACES))
    created = _create_many(server.service)
    eventually(lambda: _count(server.service, "complete") >= 2, "two complete tasks")
    assert server.containers()

    server.kill()

    # Their doors close with the server, and with that they end; nobody is there to remove them.
    eventually(lambda: not server.containers(), "the containers went by themselves", within=30)
    held = _stored(server)
    assert 1 <= len(held["inProgress"]) + len(held["waiting"]) <= PLACES
    assert held["new"]

    service = server.start().service
    ended = {task["id"]: task for task in service.finish(created)}
    for task_id in held["inProgress"]:
        assert ended[task_id]["status"] == "failed"
        error = ended[task_id]["error"]
        assert (error["type"], error["name"]) == ("invocation", ZOMBIE)
    for task_id in held["new"] + held["waiting"] + held["complete"]:
        assert ended[task_id]["status"] == "complete"


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("answer", [False, True], ids=["asked", "done"])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_kill_in_the_middle_of_a_cold_start_leaves_no_container(
    engine: docker.DockerClient,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: str,
    answer: bool,
) -> None:
    with held(find_engine(os.environ), tmp_path, MOMENTS[moment], answer=answer) as request:
        monkeypatch.setenv("DOCKER_HOST", request.address)
        server = LiveServer(engine, tmp_path / "data").start()
        try:
            server.service.create(server.service.deploy("sleeper", source("sleeper")))
            assert request.met.wait(LIMIT), moment

            server.kill()
            request.released.set()

            assert request.done.wait(LIMIT), "the engine does what it was asked for all the same"
            eventually(lambda: not _mentioned(request.address), "nothing of it is at work")
            assert server.containers() == []
        finally:
            server.discard()


def test_a_kill_at_any_moment_of_cold_starts_leaves_no_container(
    start_server: StartServer,
) -> None:
    server = start_server("--concurrency", str(PLACES))
    sleeper = server.service.deploy("sleeper", source("sleeper"))
    begun = time.monotonic()
    server.service.warm_up(sleeper, {"seconds": 0})
    took = time.monotonic() - begun
    dice = random.Random(SEED)

    for number in range(KILLS):
        for _ in range(PLACES):
            server.service.create(sleeper, {"seconds": 1})
        time.sleep(dice.uniform(0, took))
        server.kill()
        killed = time.monotonic()
        eventually(lambda: not server.containers(), "nothing is left", within=30)
        print(f"kill {number}: after {time.monotonic() - killed:.1f} s no container")
        server.start()


def test_a_function_survives_the_crash_of_its_server(start_server: StartServer) -> None:
    server = start_server()
    sleeper = server.service.deploy("sleeper", source("sleeper"))
    before = server.service.get(f"/functions/{sleeper}")

    server.kill()
    service = server.start().service

    assert service.get(f"/functions/{sleeper}") == before
    assert service.execute(sleeper, {"seconds": 0})["status"] == "complete"


def test_a_stop_lets_a_short_task_finish(start_server: StartServer) -> None:
    server = start_server()
    sleeper = server.service.deploy("sleeper", source("sleeper"))
    task_id = server.service.create(sleeper, {"seconds": 2})
    server.service.reach(task_id, "inProgress")

    server.stop()

    assert _stored(server)["complete"] == [task_id]
    assert "Awake" in server.start().service.log(task_id)


def test_a_stop_gives_back_a_long_task_which_runs_after_the_next_start(
    start_server: StartServer,
) -> None:
    server = start_server("--stop-grace", "0.5")
    sleeper = server.service.deploy("sleeper", source("sleeper"))
    server.service.warm_up(sleeper, {"seconds": 0})
    task_id = server.service.create(sleeper, {"seconds": 4})
    server.service.reach(task_id, "inProgress")

    server.stop()

    assert _stored(server)["new"] == [task_id]
    task = server.start().service.reach(task_id, "complete")
    assert "error" not in task
    assert "retryForTaskIds" not in task
    assert server.service.log(task_id).count("Awake") == 1


def test_a_stop_gives_back_a_task_whose_container_is_just_starting(
    start_server: StartServer,
) -> None:
    server = start_server("--stop-grace", "0")
    sleeper = server.service.deploy("sleeper", source("sleeper"))
    task_id = server.service.create(sleeper, {"seconds": 2})
    server.service.reach(task_id, "inProgress")

    server.stop()

    assert _stored(server)["new"] == [task_id]
    assert server.start().service.reach(task_id, "complete")


def test_a_stop_leaves_waiting_tasks_for_the_next_start(start_server: StartServer) -> None:
    server = start_server("--concurrency", "1")
    sleeper = server.service.deploy("sleeper", source("sleeper"))
    first, second = (server.service.create(sleeper, {"seconds": s}) for s in (3, 0))
    server.service.reach(first, "inProgress")

    server.stop()

    stored = _stored(server)
    assert (stored["complete"], stored["new"]) == ([first], [second])
    assert server.start().service.reach(second, "complete")


def _mentioned(word: str) -> list[str]:
    """Processes with this word in their command."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if word.encode() in process.read_bytes():
                found.append(process.parent.name)
        except OSError:  # it has ended
            continue
    return found


def _create_many(service: TaskService) -> list[str]:
    sleeper = service.deploy("sleeper", source("sleeper"))
    return [service.create(sleeper, {"seconds": 0.5}) for _ in range(TASKS)]


def _count(service: TaskService, status: str) -> int:
    return int(service.get(f"/?eq(status,{status})")["page"]["total"])


def _stored(server: LiveServer) -> dict[str, list[str]]:
    """Status -> ids of the tasks in the database of a server that has ended; `waiting` are those in
    progress whose function had surely not begun."""
    names = "new", "waiting", "inProgress", "complete"
    stored: dict[str, list[str]] = {name: [] for name in names}
    with closing(sqlite3.connect(server.data / "taskdock.db")) as database:
        for task_id, name in database.execute(
            "SELECT id, CASE WHEN waiting THEN 'waiting' ELSE status END FROM task ORDER BY id"
        ):
            stored[name].append(task_id)
    return stored
