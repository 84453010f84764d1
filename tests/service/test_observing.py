"""The queue, the schedules and the deliveries as the harness shows them, and a schedule's run by
hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from taskdock.base.timing.clock import to_iso
from taskdock.testing.clock import NOON
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.aws import lambda_client
from tests.support.builders import Dock, Json, summary
from tests.support.hook import Hook, answer

UNKNOWN = "0123456789abcdef01234567"


class Splinter(Exception):
    """An error with a memorable name."""


def splinter(event: Any, runtime: FakeRuntime) -> None:
    raise Splinter("in the thumb")


def fine(event: Any, runtime: FakeRuntime) -> str:
    return "sanded"


def iso(seconds: float) -> str:
    return to_iso(NOON + timedelta(seconds=seconds))


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as hook:
        yield hook


@pytest.fixture
def held(timed_dock: Dock) -> Iterator[Dock]:
    """A server whose worker claims nothing."""
    worker = timed_dock.emulator.tasks.worker
    assert worker.hold(10)
    yield timed_dock
    worker.go_on()


def look(dock: Dock, path: str) -> Json:
    response = dock.call("GET", path, base="/taskdock")
    assert response.status_code == 200, response.text
    found: Json = response.json()
    return found


def subscribe(dock: Dock, url: str) -> str:
    body = {"eventTypes": ["task_failed"], "url": url}
    return str(dock.call("POST", "/subscriptions", base="/events/v1", json=body).json()["id"])


# The queue


def test_the_queue_is_told_in_the_order_of_claims_with_reasons(held: Dock) -> None:
    low, high = held.create_task(priority=-1), held.create_task(priority=5)
    later = held.create_task(startTimestamp=iso(60))

    queue = look(held, "/queue")

    assert [(place["task"]["id"], place["reason"]) for place in queue["due"]] == [
        (high, "priority 5 comes before priority -1"),
        (low, "priority -1 comes after priority 5"),
    ]
    assert [place["task"]["id"] for place in queue["waiting"]] == [later]
    assert queue["counts"] == {"due": 2, "waiting": 1, "retries": 0}
    assert queue["now"] == iso(0)
    assert queue["places"]["taken"] == 0
    assert [len(look(held, "/queue?limit=1")[kind]) for kind in ("due", "waiting")] == [1, 1]


def test_a_retry_to_come_is_told_with_its_attempt_and_the_error_before(timed_dock: Dock) -> None:
    timed_dock.deploy(splinter, retryPolicy={"enabled": True})
    failed = timed_dock.finish(timed_dock.create_task())

    (retry,) = look(timed_dock, "/queue")["retries"]

    assert retry["task"]["id"] == failed["retriedByTaskId"]
    assert retry["task"]["startTimestamp"] == iso(2)
    assert (retry["attempt"], retry["failedTaskId"]) == (2, failed["id"])
    assert retry["error"]["name"] == "Splinter"


def test_an_asynchronous_event_that_is_tried_again_is_told(timed_dock: Dock) -> None:
    timed_dock.deploy(splinter)
    client = lambda_client(timed_dock.emulator.url)
    sent = client.invoke(FunctionName="walnut-table", InvocationType="Event", Payload=b"{}")
    client.close()

    (event,) = timed_dock.eventually(
        lambda: [each for each in look(timed_dock, "/queue")["events"] if each["attempt"] == 2]
    )

    assert event == {
        "requestId": sent["ResponseMetadata"]["RequestId"],
        "functionName": "walnut-table",
        "acceptedTimestamp": iso(0),
        "dueTimestamp": iso(60),
        "attempt": 2,
    }


@pytest.mark.parametrize("path", ["/queue", "/schedules", "/deliveries"])
def test_a_limit_that_is_none_is_refused(timed_dock: Dock, path: str) -> None:
    for limit in ("0", "x", "1000000"):
        refused = timed_dock.call("GET", f"{path}?limit={limit}", base="/taskdock")

        assert summary(refused) == (400, 15)


# Schedules


def test_a_schedule_tells_its_next_runs_and_the_latest_result(timed_dock: Dock) -> None:
    timed_dock.deploy(splinter, retryPolicy={"enabled": True})
    body = {"functionName": "walnut-table", "interval": 60, "data": {"legs": 4}}
    schedule = timed_dock.post("/schedules", body).json()

    def tasks(status: str) -> list[Json]:
        return [each for each in timed_dock.service.tasks() if each["status"] == status]

    (first,) = timed_dock.eventually(lambda: tasks("retried"))
    (shown,) = look(timed_dock, "/schedules")["data"]
    assert shown["schedule"]["id"] == schedule["id"]
    assert shown["next"] == [iso(60 * number) for number in range(1, 6)]
    last = shown["last"]
    assert last["timestamp"] == iso(0)
    assert last["task"]["id"] == first["retriedByTaskId"]
    assert [last["task"]] == tasks("new")


def test_a_schedule_that_has_not_run_has_no_latest_result(timed_dock: Dock) -> None:
    body = {"functionName": "walnut-table", "interval": 60, "startTimestamp": iso(30)}
    timed_dock.post("/schedules", body)

    (shown,) = look(timed_dock, "/schedules")["data"]

    assert shown["next"][0] == iso(30)
    assert "last" not in shown


def test_a_run_by_hand_is_as_the_schedules_own_and_moves_nothing(timed_dock: Dock) -> None:
    timed_dock.deploy(fine)
    body = {
        "functionName": "walnut-table",
        "interval": 60,
        "data": {"legs": 4},
        "priority": 3,
        "startTimestamp": iso(30),
    }
    schedule = timed_dock.post("/schedules", body).json()

    path = f"/schedules/{schedule['id']}/run"
    task = timed_dock.call("POST", path, base="/taskdock").json()

    assert (task["data"], task["priority"], task["startTimestamp"]) == ({"legs": 4}, 3, iso(0))
    assert timed_dock.finish(task["id"])["status"] == "complete"
    (shown,) = look(timed_dock, "/schedules")["data"]
    assert shown["schedule"] == schedule
    assert "last" not in shown
    timed_dock.jump(30)
    starts = [each["startTimestamp"] for each in timed_dock.service.tasks()]
    assert sorted(starts) == [iso(0), iso(30)]


@pytest.mark.parametrize(("id", "refusal"), [(UNKNOWN, (404, 16)), ("oak", (400, 12))])
def test_no_schedule_runs_by_a_wrong_id(
    timed_dock: Dock, id: str, refusal: tuple[int, int]
) -> None:
    refused = timed_dock.call("POST", f"/schedules/{id}/run", base="/taskdock")

    assert summary(refused) == refusal


# Deliveries


def test_attempts_at_a_delivery_are_kept_with_their_status(timed_dock: Dock, hook: Hook) -> None:
    hook.behaviours = [partial(answer, status=500), partial(answer, status=404)]
    timed_dock.deploy(splinter)
    subscription = subscribe(timed_dock, hook.url)
    timed_dock.finish(timed_dock.create_task())

    (first,) = timed_dock.eventually(lambda: look(timed_dock, "/deliveries")["attempts"])
    (pending,) = look(timed_dock, "/deliveries")["pending"]
    assert first == {
        "number": 1,
        "timestamp": iso(0),
        "eventId": pending["eventId"],
        "url": hook.url,
        "attempt": 1,
        "result": "failed",
        "status": 500,
        "error": "HTTP status 500",
    }
    assert (pending["subscriptionId"], pending["attempts"]) == (subscription, 1)
    assert (pending["dueTimestamp"], pending["underWay"]) == (iso(1), False)

    timed_dock.jump(1)
    timed_dock.eventually(lambda: len(look(timed_dock, "/deliveries")["attempts"]) == 2)
    timed_dock.jump(5)
    timed_dock.eventually(lambda: len(look(timed_dock, "/deliveries")["attempts"]) == 3)
    found = look(timed_dock, "/deliveries")
    assert [(each["attempt"], each["result"], each["status"]) for each in found["attempts"]] == [
        (3, "delivered", 204),
        (2, "failed", 404),
        (1, "failed", 500),
    ]
    assert found["pending"] == []
    timed_dock.call("POST", "/reset", base="/taskdock", json={})
    assert look(timed_dock, "/deliveries") == {"pending": [], "attempts": []}


def test_a_delivery_that_is_given_up_says_why(timed_dock: Dock) -> None:
    timed_dock.deploy(splinter)
    with Hook() as gone:
        subscribe(timed_dock, gone.url)
    timed_dock.finish(timed_dock.create_task())

    for count, delay in ((1, 0), (2, 1), (3, 5)):
        timed_dock.jump(delay)
        timed_dock.eventually(
            lambda count=count: len(look(timed_dock, "/deliveries")["attempts"]) == count
        )

    last = look(timed_dock, "/deliveries")["attempts"][0]
    assert (last["attempt"], last["result"]) == (3, "givenUp")
    assert "refused" in last["error"]
    assert "status" not in last
