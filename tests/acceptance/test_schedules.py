"""Schedules and events with real containers: over a crash, and until they are deleted."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from taskdock.testing.task_client import Json
from taskdock.testing.waiting import eventually
from tests.acceptance.conftest import StartServer
from tests.support.hook import Hook
from tests.support.live import CommandLine, TaskService, source

pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]


def test_a_schedule_survives_a_crash_and_makes_no_run_twice(start_server: StartServer) -> None:
    server = start_server()
    server.service.deploy("sleeper", source("sleeper"))
    body = {"functionName": "sleeper", "interval": 0.5, "data": {"seconds": 0}}
    schedule = server.service.post("/schedules", body)
    eventually(lambda: len(_complete(server.service)) >= 2, "two runs")

    server.kill()
    before = len(_complete(server.start().service))
    eventually(lambda: len(_complete(server.service)) >= before + 2, "two more runs")
    deleted = server.service.call("DELETE", f"/schedules/{schedule['id']}").json()
    made = server.service.tasks()

    assert deleted == {"affectedRecords": 1}
    starts = [_moment(task["startTimestamp"]) for task in made]
    first = _moment(schedule["startTimestamp"])
    assert len(set(starts)) == len(starts)
    assert {(start - first) % timedelta(seconds=0.5) for start in starts} == {timedelta(0)}
    server.service.finish(task["id"] for task in made)
    assert len(server.service.tasks()) == len(made)


def test_a_failure_is_told_to_a_function_and_a_webhook(
    service: TaskService, taskdock: CommandLine
) -> None:
    service.deploy(
        "told-of-failures", {"main.py": "def handler(task, context):\n    print('told')"}
    )
    with Hook() as hook:
        for subscriber in ("told-of-failures", hook.url):
            taskdock.succeed("events", "subscribe", "task_failed", subscriber)

        failed = service.create("nowhere-to-be-found")
        eventually(lambda: _of(hook.calls, failed), "the webhook was told")
        told = eventually(
            lambda: service.tasks(
                f"eq(functionName,told-of-failures)&eq(data.content.id,{failed})"
            ),
            "the function was told",
        )

        for subscriber in ("told-of-failures", hook.url):
            taskdock.succeed("events", "unsubscribe", "task_failed", subscriber)
    service.reach(told[0]["id"], "complete")
    assert told[0]["data"] == _of(hook.calls, failed)[0]
    assert "told" in service.log(told[0]["id"])
    assert failed in taskdock.succeed("events", "list", "--limit", "50")


def _of(calls: list[Any], task_id: str) -> list[Json]:
    return [call for call in calls if call["content"]["id"] == task_id]


def _complete(service: TaskService) -> list[Json]:
    return service.tasks("eq(status,complete)")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
