"""Every sample, deployed with the command as its README says, does what it is there to show."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest

from taskdock.server import provision
from taskdock.testing.task_client import Json
from taskdock.testing.waiting import eventually
from tests.support.live import REPOSITORY, CommandLine, LiveServer, TaskService, source

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

SAMPLES = REPOSITORY / "sample_functions"
REPORT = re.compile(
    r"REPORT RequestId: [0-9a-f-]{36}\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms"
    r"\tMemory Size: 128 MB\tMax Memory Used: (\d+) MB(\tInit Duration: [\d.]+ ms)?\t"
)


@pytest.fixture(scope="module", autouse=True)
def deployed(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> None:
    provision.build_sample_image(SAMPLES / "hello-world-docker")
    taskdock = CommandLine(tmp_path_factory.mktemp("elsewhere"), server.service.url)
    for config in sorted(SAMPLES.glob("*/task-config.json")):
        taskdock.succeed("deploy", str(config.parent))


def test_each_sample_is_in_the_list(service: TaskService) -> None:
    folders = {path.parent.name for path in SAMPLES.glob("*/task-config.json")}

    assert folders <= {function["name"] for function in service.get("/functions/")["data"]}


@pytest.mark.parametrize(
    "name", ["hello-world-javascript", "hello-world-python", "hello-world-docker"]
)
def test_a_hello_world_is_complete_with_its_log(service: TaskService, name: str) -> None:
    task_id = service.create(name, {"name": "Ada"})

    assert service.reach(task_id, "complete")["functionName"] == name
    start, *printed, end, report = service.log(task_id)
    assert re.fullmatch(r"START RequestId: [0-9a-f-]{36} Version: \$LATEST", start)
    assert [line for line in printed if line.endswith("Hello world!")] == printed != []
    assert end == start.replace("START", "END").removesuffix(" Version: $LATEST")
    assert 0 < int(_report(report)[1]) <= 128


@pytest.mark.parametrize(
    "name", ["hello-world-javascript", "hello-world-python", "hello-world-docker"]
)
def test_a_hello_world_returns_its_greeting(service: TaskService, name: str) -> None:
    task = service.execute(name, {"name": "Ada"})

    assert task["result"] == {"greeting": "Hello Ada!", "taskId": task["id"]}


def test_a_shell_script_is_a_runtime_of_its_own(service: TaskService) -> None:
    task_id = service.create("shell-script")

    service.reach(task_id, "complete")

    assert "Hello world!" in service.log(task_id)


def test_a_shell_script_can_fail(service: TaskService) -> None:
    task_id = service.create("shell-script", {"fail": True})

    assert service.reach(task_id, "failed")["error"] == {
        "type": "runtime",
        "name": "ShellFunctionFailed",
        "message": "handler ended with status 3",
    }


def test_a_chain_makes_its_own_successors_until_none_remains(service: TaskService) -> None:
    service.create("recurring-chain", {"remaining": 3, "interval": 0.2})

    chain = _chain(service, 4)

    assert [task["data"]["remaining"] for task in chain] == [3, 2, 1, 0]
    assert [task["status"] for task in chain] == ["complete"] * 4
    for task, successor in pairwise(chain):
        assert any(successor["id"] in line for line in service.log(task["id"]))
        assert successor["startTimestamp"] > task["startTimestamp"]
    assert "The chain ends here" in service.log(chain[-1]["id"])


def test_a_task_that_fails_is_retried_until_it_succeeds(service: TaskService) -> None:
    first = service.reach(service.create("fails-then-succeeds"), "retried")
    second = service.reach(first["retriedByTaskId"], "retried")
    third = service.reach(second["retriedByTaskId"], "complete")

    assert first["error"] == {
        "type": "runtime",
        "name": "NotReadyYet",
        "message": "attempt 1 fails on purpose",
    }
    assert [task.get("retryForTaskIds", []) for task in (first, second, third)] == [
        [],
        [first["id"]],
        [first["id"], second["id"]],
    ]
    assert "retriedByTaskId" not in third
    assert "Attempt 3, to fail 2 times" in service.log(third["id"])


def test_a_task_over_its_time_limit_is_failed_and_the_next_one_works(service: TaskService) -> None:
    slow = service.create("too-slow")

    error = service.reach(slow, "failed", within=25)["error"]
    next_one = service.create("too-slow", {"seconds": 0.1})

    assert (error["type"], error["name"]) == ("runtime", "Sandbox.Timedout")
    assert re.fullmatch(
        r"RequestId: [0-9a-f-]{36} Error: Task timed out after 3\.00 seconds", error["message"]
    )
    log = service.log(slow)
    assert any(line.endswith("Task timed out after 3.00 seconds") for line in log)
    assert "\tDuration: 3000.00 ms\t" in log[-1]
    assert log[-1].endswith("\tStatus: timeout\t")
    service.reach(next_one, "complete")
    assert "Awake in time" in service.log(next_one)


def test_a_function_over_its_memory_limit_disturbs_no_neighbour(service: TaskService) -> None:
    service.deploy("neighbour", source("gate"))
    after = "eq(functionName,too-hungry)&eq(status,failed)"
    neighbour = service.create("neighbour", {"until": after, "count": 1})
    service.reach(neighbour, "inProgress")

    hungry = service.create("too-hungry")
    error = service.reach(hungry, "failed")["error"]

    assert (error["type"], error["name"]) == ("runtime", "Runtime.OutOfMemory")
    assert error["message"].endswith(" Error: Runtime exited with error: signal: killed")
    log = service.log(hungry)
    assert "Holding 16 MB" in log
    assert log[-1].endswith("\tStatus: error\tError Type: Runtime.OutOfMemory\t")
    service.reach(neighbour, "complete")
    assert "The gate is open" in service.log(neighbour)


def test_a_function_within_its_memory_limit_may_follow_one_over_it(service: TaskService) -> None:
    task_id = service.create("too-hungry", {"megabytes": 16})

    service.reach(task_id, "complete")


def _chain(service: TaskService, length: int) -> list[Json]:
    rql = "eq(functionName,recurring-chain)&eq(status,complete)&sort(startTimestamp)"
    eventually(lambda: len(service.tasks(rql)) == length, f"{length} links of the chain")
    return service.tasks(rql)


def _report(line: str) -> re.Match[str]:
    found = REPORT.fullmatch(line)
    assert found, line
    return found
