"""What becomes of tasks and containers when the server ends: killed, or asked to stop."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.acceptance.conftest import StartServer
from tests.support.live import LiveServer, TaskService, eventually, source

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

TASKS = 40
PLACES = 4
ZOMBIE = "zombieTaskCleaned"


def test_after_a_crash_nothing_is_stuck_and_nothing_is_left(start_server: StartServer) -> None:
    server = start_server("--concurrency", str(PLACES))
    created = _create_many(server.service)
    eventually(lambda: _count(server.service, "complete") >= 2, "two complete tasks")
    assert server.containers()

    server.kill()

    # Their input closes with the server, and with it they end; nobody is there to remove them.
    eventually(lambda: not server.containers(), "the containers went by themselves", within=30)
    held = {status: ids for status, ids in _stored(server).items() if ids}
    assert 1 <= len(held["inProgress"]) <= PLACES
    assert held["new"]

    service = server.start().service
    ended = {task["id"]: task for task in service.finish(created)}
    for task_id in held["inProgress"]:
        assert ended[task_id]["status"] == "failed"
        error = ended[task_id]["error"]
        assert (error["type"], error["name"]) == ("invocation", ZOMBIE)
    for task_id in held["new"] + held["complete"]:
        assert ended[task_id]["status"] == "complete"


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
    server.service.execute(sleeper, {"seconds": 0})
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


def _create_many(service: TaskService) -> list[str]:
    sleeper = service.deploy("sleeper", source("sleeper"))
    return [service.create(sleeper, {"seconds": 0.5}) for _ in range(TASKS)]


def _count(service: TaskService, status: str) -> int:
    return int(service.get(f"/?eq(status,{status})")["page"]["total"])


def _stored(server: LiveServer) -> dict[str, list[str]]:
    """Status -> ids of the tasks in the database of a server that has ended."""
    stored: dict[str, list[str]] = {status: [] for status in ("new", "inProgress", "complete")}
    with closing(sqlite3.connect(server.data / "taskdock.db")) as database:
        for task_id, status in database.execute("SELECT id, status FROM task ORDER BY id"):
            stored.setdefault(status, []).append(task_id)
    return stored
