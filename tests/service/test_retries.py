"""Retries: whether, when and how often a failed task is tried again, and the chain it makes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from taskdock.base.timing.clock import to_iso
from taskdock.testing.clock import NOON, ManualClock
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.builders import Dock, Json

ALWAYS = {"enabled": True}


class Splinter(Exception):
    """An error with a memorable name."""


def splinter(event: Any, runtime: FakeRuntime) -> None:
    raise Splinter("in the thumb")


@pytest.mark.parametrize(
    ("policy", "status"),
    [
        ({}, "failed"),
        ({"enabled": False, "errorsToRetry": ["Splinter"]}, "failed"),
        ({"enabled": True}, "retried"),
        ({"enabled": True, "errorsToRetry": []}, "retried"),
        ({"enabled": True, "errorsToRetry": ["Glue", "Splinter"]}, "retried"),
        ({"enabled": True, "errorsToRetry": ["Glue"]}, "failed"),
        ({"enabled": True, "errorsToRetry": ["splinter"]}, "failed"),
    ],
    ids=str,
)
def test_the_policy_says_whether_a_failed_task_is_tried_again(
    timed_dock: Dock, policy: Json, status: str
) -> None:
    timed_dock.deploy(splinter, retryPolicy=policy)

    task = timed_dock.finish(timed_dock.create_task())

    assert task["status"] == status
    assert task["error"]["name"] == "Splinter"
    assert ("retriedByTaskId" in task) is (status == "retried")


@pytest.mark.parametrize(
    ("behaviour", "name"),
    [
        (lambda runtime: runtime.exit(1), "Runtime.ExitError"),
        (lambda runtime: runtime.exhaust_memory(), "Runtime.OutOfMemory"),
    ],
)
def test_errors_of_the_platform_can_be_named_too(
    timed_dock: Dock, behaviour: Any, name: str
) -> None:
    policy = {"enabled": True, "errorsToRetry": [name]}
    timed_dock.deploy(lambda event, runtime: behaviour(runtime), retryPolicy=policy)

    task = timed_dock.finish(timed_dock.create_task())

    assert (task["status"], task["error"]["name"]) == ("retried", name)


def test_three_retries_follow_after_2_5_and_10_seconds_and_then_the_task_fails(
    timed_dock: Dock,
) -> None:
    timed_dock.deploy(splinter, retryPolicy=ALWAYS)
    chain, started = [timed_dock.create_task()], NOON

    for delay in (2, 5, 10):
        task = timed_dock.finish(chain[-1])
        chain.append(task["retriedByTaskId"])
        started += timedelta(seconds=delay)
        assert task["status"] == "retried"
        assert timed_dock.task(chain[-1])["startTimestamp"] == to_iso(started)
        timed_dock.jump(delay)

    last = timed_dock.finish(chain[-1])
    assert last["status"] == "failed"
    assert "retriedByTaskId" not in last
    assert timed_dock.get("/").json()["page"]["total"] == 4


def test_the_delay_is_counted_from_the_failure_and_not_from_the_tasks_start(
    timed_dock: Dock, clock: ManualClock
) -> None:
    def handler(event: Json, runtime: FakeRuntime) -> None:
        clock.jump(60)
        raise Splinter

    timed_dock.deploy(handler, retryPolicy=ALWAYS)

    again = timed_dock.finish(timed_dock.create_task())["retriedByTaskId"]

    assert timed_dock.task(again)["startTimestamp"] == to_iso(NOON + timedelta(seconds=62))


def test_each_retry_lists_all_the_earlier_tasks(timed_dock: Dock) -> None:
    timed_dock.deploy(splinter, retryPolicy=ALWAYS)
    chain = [timed_dock.create_task()]

    for delay in (2, 5, 10):
        chain.append(timed_dock.finish(chain[-1])["retriedByTaskId"])
        timed_dock.jump(delay)

    timed_dock.finish(chain[-1])
    lists = [timed_dock.task(task_id).get("retryForTaskIds") for task_id in chain]
    assert lists == [None, chain[:1], chain[:2], chain[:3]]


def test_a_retry_has_the_properties_of_the_first_task(timed_dock: Dock) -> None:
    events: list[Json] = []

    def handler(event: Json, runtime: FakeRuntime) -> None:
        events.append(event)
        raise Splinter

    timed_dock.deploy(handler, retryPolicy=ALWAYS)

    first = timed_dock.create_task(data={"legs": 4}, tags=["wood"], priority=-3)
    second = timed_dock.finish(first)["retriedByTaskId"]
    timed_dock.jump(2)
    timed_dock.finish(second)

    kept = ("functionName", "data", "tags", "priority")
    assert [event["id"] for event in events] == [first, second]
    assert [events[1][key] for key in kept] == [events[0][key] for key in kept]
    assert events[1]["creationTimestamp"] == to_iso(NOON)
    assert "error" not in events[1]


def test_a_retry_does_not_start_before_its_time(timed_dock: Dock) -> None:
    timed_dock.deploy(splinter, retryPolicy=ALWAYS)
    timed_dock.deploy(lambda event, runtime: None, "oak-chair")
    again = timed_dock.finish(timed_dock.create_task())["retriedByTaskId"]

    timed_dock.jump(1.999)
    timed_dock.finish(timed_dock.create_task("oak-chair"))
    before = timed_dock.status(again)
    timed_dock.jump(0.001)

    assert before == "new"
    assert timed_dock.finish(again)["status"] == "retried"


def test_a_retry_that_succeeds_is_complete(timed_dock: Dock) -> None:
    def handler(event: Json, runtime: FakeRuntime) -> None:
        if "retryForTaskIds" not in event:
            raise Splinter

    timed_dock.deploy(handler, retryPolicy=ALWAYS)

    first = timed_dock.finish(timed_dock.create_task())
    timed_dock.jump(2)
    second = timed_dock.finish(first["retriedByTaskId"])

    assert (first["status"], second["status"]) == ("retried", "complete")


def test_a_waiting_retry_can_be_canceled(timed_dock: Dock) -> None:
    timed_dock.deploy(splinter, retryPolicy=ALWAYS)
    again = timed_dock.finish(timed_dock.create_task())["retriedByTaskId"]

    response = timed_dock.post(f"/{again}/cancel")

    assert response.json() == {"affectedRecords": 1}
    assert timed_dock.status(again) == "canceled"


def test_each_attempt_has_its_own_log(timed_dock: Dock) -> None:
    def handler(event: Json, runtime: FakeRuntime) -> None:
        runtime.print(f"attempt {len(event.get('retryForTaskIds', []))}")
        raise Splinter

    timed_dock.deploy(handler, retryPolicy=ALWAYS)
    first = timed_dock.create_task()
    second = timed_dock.finish(first)["retriedByTaskId"]
    timed_dock.jump(2)
    timed_dock.finish(second)

    logs = [timed_dock.logs(first), timed_dock.logs(second)]

    assert [["attempt 0" in log, "attempt 1" in log] for log in logs] == [
        [True, False],
        [False, True],
    ]


def test_a_direct_execution_is_not_tried_again(timed_dock: Dock) -> None:
    timed_dock.deploy(splinter, retryPolicy=ALWAYS)

    task_id = timed_dock.execute().json()["taskId"]

    assert timed_dock.status(task_id) == "failed"
    assert timed_dock.get("/").json()["page"]["total"] == 1
