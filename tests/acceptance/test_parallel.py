"""Many tasks at once, and many behind one place."""

from __future__ import annotations

import pytest

from taskdock.testing.task_client import Json
from taskdock.testing.waiting import eventually
from tests.acceptance.conftest import StartServer
from tests.support.live import TaskService, source

pytestmark = [pytest.mark.docker, pytest.mark.long, pytest.mark.timeout(900)]

PLACES = 8
TASKS = 40
QUEUED = [  # priority, second of the start time, in the order of creation
    (0, 30),
    (5, 20),
    (0, 10),
    (-3, 0),
    (5, 20),
    (0, 30),
    (9007199254740991, 40),
    (5, 10),
    (0, 10),
    (-9007199254740991, 0),
]


def test_forty_tasks_share_eight_places_and_mix_no_lines(start_server: StartServer) -> None:
    server = start_server("--concurrency", str(PLACES), "--prewarm", "0")
    service = server.service
    chatter = service.deploy("chatter", source("chatter"))
    warmed = service.finish([service.create(chatter) for _ in range(PLACES)])
    assert [task["status"] for task in warmed] == ["complete"] * PLACES

    tasks = service.finish([service.create(chatter) for _ in range(TASKS)])

    assert [task["status"] for task in tasks] == ["complete"] * TASKS
    environments = {_environment(service, task) for task in tasks}
    assert 2 <= len(environments) <= PLACES
    assert len(environments) <= len(server.containers()) <= PLACES


def test_tasks_behind_one_place_start_in_the_queues_order(start_server: StartServer) -> None:
    service = start_server("--concurrency", "1").service
    gate, queued = service.deploy("gate", source("gate")), service.deploy("queued", _NOTHING)
    waiting = f"eq(functionName,{queued})"
    closed = service.create(gate, {"until": waiting, "count": len(QUEUED) + 1})
    service.reach(closed, "inProgress")

    created = [
        service.create(queued, priority=priority, startTimestamp=_time(second))
        for priority, second in QUEUED
    ]
    early = service.create(queued, priority=100, startTimestamp="2999-01-01T00:00:00.000Z")

    service.reach(closed, "complete")
    ended = service.finish(created)
    order = sorted(range(len(QUEUED)), key=lambda n: (-QUEUED[n][0], QUEUED[n][1], n))
    one_by_one = sorted(ended, key=lambda task: str(task["statusChangedTimestamp"]))
    assert [created.index(task["id"]) for task in one_by_one] == order
    assert service.task(early)["status"] == "new"


def test_the_lines_of_a_task_can_be_read_while_it_runs(start_server: StartServer) -> None:
    service = start_server().service
    gate = service.deploy("gate", source("gate"))
    service.finish([service.create(gate, {"until": "eq(status,failed)", "count": 0})])
    task_id = service.create(gate, {"until": "eq(tags,enough)", "count": 1})

    eventually(lambda: "The gate is closed" in service.log(task_id), "its first line")

    assert service.task(task_id)["status"] == "inProgress"
    service.create(gate, {"until": "eq(tags,enough)", "count": 1}, tags=["enough"])
    service.reach(task_id, "complete")


_NOTHING = {"main.py": "handler = lambda task, context: None"}


def _time(second: int) -> str:
    return f"2026-01-02T03:04:{second:02}.000Z"


def _environment(service: TaskService, task: Json) -> str:
    """The one that ran it, by a log that has to be this task's own and whole."""
    start, *lines, end, report = service.log(task["id"])
    assert (start[:5], end[:3], report[:6]) == ("START", "END", "REPORT")
    words = [line.split(" ", 2) for line in lines]
    assert [(number, id) for number, id, _ in words] == [(str(n), task["id"]) for n in range(5)]
    (environment,) = {stream for _, _, stream in words}
    return environment


_BULK = {
    "python3.11": {
        "main.py": "def handler(task, context):\n"
        "    for n in range(task['data']['lines']): print(task['id'], n)\n"
    },
    "nodejs20.x": {
        "main.js": "exports.handler = async task => {\n"
        "  for (let n = 0; n < task.data.lines; n++) console.log(task.id, n);\n};\n"
    },
}


@pytest.mark.parametrize("runtime", _BULK)
def test_more_lines_than_a_pipe_holds_are_all_there_when_the_task_is(
    start_server: StartServer, runtime: str
) -> None:
    service = start_server().service
    bulk = service.deploy("bulk", _BULK[runtime], runtime=runtime, memoryLimit=256)
    count = 30_000

    (long,) = service.finish([service.create(bulk, {"lines": count})])
    (short,) = service.finish([service.create(bulk, {"lines": 1})])

    last = service.call("GET", f"/{long['id']}/logs?limit(1000,{count - 1})").json()["data"]
    assert [line["message"].partition(" ")[0] for line in last[-2:]] == ["END", "REPORT"]
    assert last[-3]["message"].endswith(f"{long['id']} {count - 1}")
    assert not any(long["id"] in line for line in service.log(short["id"]))
