"""Tasks over HTTP: creating, listing, cancelling, reading logs, and the order in which they run."""

from __future__ import annotations

import json
import threading
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from taskdock.base.timing.clock import to_iso
from taskdock.testing.clock import NOON, ManualClock
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.builders import Dock, Gate, Json, StartDock, summary

UNKNOWN = "0123456789abcdef01234567"


# Creating


def test_a_new_task_is_answered_with_its_defaults(timed_dock: Dock) -> None:
    administrator = timed_dock.emulator.directory.local.administrator

    response = timed_dock.post(
        "/", {"functionName": "walnut-table", "startTimestamp": "2027-01-01"}
    )

    assert response.status_code == 200
    task = response.json()
    assert len(task.pop("id")) == 24
    assert task == {
        "functionName": "walnut-table",
        "status": "new",
        "statusChangedTimestamp": to_iso(NOON),
        "startTimestamp": "2027-01-01T00:00:00.000Z",
        "priority": 0,
        "createdByApplicationId": administrator.application_id,
        "createdByUserId": administrator.user_id,
        "creationTimestamp": to_iso(NOON),
        "updateTimestamp": to_iso(NOON),
    }


def test_the_function_receives_the_task_itself_as_its_event(dock: Dock) -> None:
    events: list[Json] = []
    dock.deploy(lambda event, runtime: events.append(event))

    task_id = dock.create_task(data={"legs": 4, "wood": "Nußbaum"}, tags=["a", "b"], priority=3)

    dock.finish(task_id)
    (event,) = events
    assert (event["id"], event["functionName"]) == (task_id, "walnut-table")
    assert event["data"] == {"legs": 4, "wood": "Nußbaum"}
    assert (event["tags"], event["priority"], event["status"]) == (["a", "b"], 3, "inProgress")


def test_a_task_takes_the_priority_of_its_function_unless_it_has_its_own(timed_dock: Dock) -> None:
    timed_dock.deploy(lambda event, runtime: None, executionOptions={"defaultPriority": -5})
    later = to_iso(NOON + timedelta(hours=1))

    default = timed_dock.create_task(startTimestamp=later)
    own = timed_dock.create_task(startTimestamp=later, priority=0)

    assert timed_dock.task(default)["priority"] == -5
    assert timed_dock.task(own)["priority"] == 0


@pytest.mark.parametrize("priority", [-9007199254740991, 9007199254740991])
def test_priorities_reach_to_both_ends_of_their_range(timed_dock: Dock, priority: int) -> None:
    task_id = timed_dock.create_task(priority=priority, startTimestamp="2027-01-01T00:00:00Z")

    assert timed_dock.task(task_id)["priority"] == priority


def test_times_in_another_zone_are_answered_in_utc_and_milliseconds(timed_dock: Dock) -> None:
    task_id = timed_dock.create_task(startTimestamp="2027-01-01T10:00:00.1239+02:00")

    assert timed_dock.task(task_id)["startTimestamp"] == "2027-01-01T08:00:00.123Z"


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ({"functionName": None}, 14),
        ({"functionName": 5}, 15),
        ({"data": [1]}, 15),
        ({"data": "text"}, 15),
        ({"tags": "text"}, 15),
        ({"tags": [1]}, 15),
        ({"priority": "1"}, 15),
        ({"priority": 0.5}, 15),
        ({"priority": 9007199254740992}, 15),
        ({"startTimestamp": "tomorrow"}, 15),
        ({"startTimestamp": "0001-01-01T00:00:00+10:00"}, 15),
        ({"startTimestamp": "9999-12-31T23:59:59-10:00"}, 15),
    ],
    ids=str,
)
def test_wrong_fields_are_refused_and_make_no_task(shared: Dock, field: Json, code: int) -> None:
    body = {"functionName": "walnut-table", **field}
    before = shared.get("/").json()["page"]["total"]

    assert summary(shared.post("/", {k: v for k, v in body.items() if v is not None})) == (
        400,
        code,
    )
    assert shared.get("/").json()["page"]["total"] == before


@pytest.mark.parametrize(
    ("body", "code"), [(b"", 13), (b"{", 22), (b"[]", 22), (b"[" * 100_000, 22), (b"{}", 14)]
)
def test_a_body_that_is_no_task_is_refused(shared: Dock, body: bytes, code: int) -> None:
    assert summary(shared.call("POST", "/", data=body)) == (400, code)


def with_data(value: str) -> bytes:
    return f'{{"functionName": "walnut-table", "data": {{"strange": {value}}}}}'.encode()


@pytest.mark.parametrize(
    "value",
    [r'"\u0000"', r'"\ud83d\ude00"', "1e308", "1" * 400, "-0.0", '"NaN"'],
    ids=lambda text: text[:9],
)
def test_strange_values_are_kept_as_they_are(dock: Dock, value: str) -> None:
    given: list[Any] = []
    dock.deploy(lambda event, runtime: given.append(event["data"]))

    task_id = dock.call("POST", "/", data=with_data(value)).json()["id"]

    data = {"strange": json.loads(value)}
    assert dock.finish(task_id)["status"] == "complete"
    assert repr(dock.task(task_id)["data"]) == repr(data)
    assert repr(given) == repr([data])


@pytest.mark.parametrize("value", [r'"\ud800"', "NaN", "-Infinity", "1e400"])
def test_what_is_no_json_is_refused_wherever_it_stands(shared: Dock, value: str) -> None:
    assert summary(shared.call("POST", "/", data=with_data(value))) == (400, 22)


# Listing


def test_the_list_gives_20_tasks_unless_told_and_50_at_most(timed_dock: Dock) -> None:
    for _ in range(55):
        timed_dock.create_task(startTimestamp="2027-01-01T00:00:00Z")

    default = timed_dock.get("/").json()
    most = timed_dock.get("/?limit(1000,2)").json()

    assert default["page"] == {"total": 55, "offset": 0, "limit": 20}
    assert most["page"] == {"total": 55, "offset": 2, "limit": 50}
    assert (len(default["data"]), len(most["data"])) == (20, 50)


def test_the_list_can_be_filtered(timed_dock: Dock) -> None:
    wanted = timed_dock.create_task("oak-chair", startTimestamp="2027-01-01T00:00:00Z")
    timed_dock.create_task("walnut-table", startTimestamp="2027-01-01T00:00:00Z")

    found = timed_dock.get("/?eq(functionName,oak-chair)").json()

    assert [task["id"] for task in found["data"]] == [wanted]
    assert found["page"]["total"] == 1


def test_a_list_with_malformed_rql_is_refused(shared: Dock) -> None:
    assert summary(shared.get("/?eq(functionName")) == (400, 19)


# Cancelling


def test_a_new_task_can_be_canceled_once_and_never_runs(timed_dock: Dock) -> None:
    events: list[Json] = []
    timed_dock.deploy(lambda event, runtime: events.append(event))
    task_id = timed_dock.create_task(startTimestamp=to_iso(NOON + timedelta(seconds=60)))

    first = timed_dock.post(f"/{task_id}/cancel")
    second = timed_dock.post(f"/{task_id}/cancel")
    timed_dock.jump(60)

    assert first.json() == {"affectedRecords": 1}
    assert summary(second) == (400, 27)
    timed_dock.finish(timed_dock.create_task())
    assert timed_dock.status(task_id) == "canceled"
    assert len(events) == 1


def test_a_task_that_has_begun_cannot_be_canceled(dock: Dock) -> None:
    gate = Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    task_id = dock.create_task()
    dock.reach(task_id, "inProgress")

    during = dock.post(f"/{task_id}/cancel")
    gate.open()
    dock.finish(task_id)
    after = dock.post(f"/{task_id}/cancel")

    assert (summary(during), summary(after)) == ((400, 27), (400, 27))
    assert dock.status(task_id) == "complete"


@pytest.mark.parametrize(("method", "verb"), [("POST", "cancel"), ("GET", "logs")])
@pytest.mark.parametrize(
    ("task_id", "answer"),
    [(UNKNOWN, (404, 16)), ("123", (400, 12)), (UNKNOWN.upper(), (400, 12)), ("ä" * 24, (400, 12))],
)
def test_unknown_and_impossible_ids_are_refused(
    shared: Dock, method: str, verb: str, task_id: str, answer: tuple[int, int]
) -> None:
    assert summary(shared.call(method, f"/{task_id}/{verb}")) == answer


# Logs


def test_a_task_that_has_never_run_has_no_logs(timed_dock: Dock) -> None:
    task_id = timed_dock.create_task(startTimestamp="2027-01-01T00:00:00Z")

    assert summary(timed_dock.get(f"/{task_id}/logs")) == (400, 27)


def test_a_task_that_ran_without_a_line_has_none_either(dock: Dock) -> None:
    task_id = dock.create_task("nowhere")
    dock.finish(task_id)

    response = dock.get(f"/{task_id}/logs")

    assert summary(response) == (400, 1408)
    assert response.json()["name"] == "NO_TASK_LOGS_FOUND"


def test_logs_give_100_lines_unless_told_in_the_order_of_printing(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: runtime.print("\n".join(map(str, range(150)))))
    task_id = dock.create_task()
    dock.finish(task_id)

    default = dock.get(f"/{task_id}/logs").json()
    page = dock.get(f"/{task_id}/logs?limit(10,102)").json()

    assert default["page"] == {"offset": 0, "limit": 100}
    assert [line["message"] for line in default["data"]][2:] == [str(n) for n in range(98)]
    assert [line["message"] for line in page["data"]] == [str(n) for n in range(100, 110)]
    assert set(page["data"][0]) == {"timestamp", "message"}


def test_logs_can_begin_at_a_time(dock: Dock) -> None:
    def handler(event: Any, runtime: FakeRuntime) -> None:
        for number in range(5):
            runtime.print(f"line {number}")
            threading.Event().wait(0.01)

    dock.deploy(handler)
    task_id = dock.create_task()
    dock.finish(task_id)
    lines = dock.get(f"/{task_id}/logs").json()["data"]
    since = lines[3]["timestamp"]

    found = dock.get(f"/{task_id}/logs?ge(timestamp,{since})").json()["data"]

    assert found == [line for line in lines if line["timestamp"] >= since]
    assert len(found) < len(lines)


def test_a_line_can_be_read_while_its_task_still_runs(dock: Dock) -> None:
    gate = Gate()

    def handler(event: Any, runtime: FakeRuntime) -> None:
        runtime.print("sawing")
        gate.pass_(runtime)

    dock.deploy(handler)
    task_id = dock.create_task()
    dock.eventually(lambda: gate.waiting)

    dock.eventually(lambda: "sawing" in dock.logs(task_id))
    gate.open()


@pytest.mark.parametrize(
    "rql", ["eq(message,x)", "gt(timestamp,2026-01-01)", "sort(timestamp)", "("]
)
def test_logs_can_be_asked_for_nothing_else(dock: Dock, rql: str) -> None:
    task_id = dock.create_task("nowhere")

    assert summary(dock.get(f"/{task_id}/logs?{rql}")) == (400, 19)


# Running


def test_the_statuses_of_a_task_and_their_times_can_be_seen(
    timed_dock: Dock, clock: ManualClock
) -> None:
    gate = Gate()
    timed_dock.deploy(lambda event, runtime: gate.pass_(runtime))
    start, end = NOON + timedelta(seconds=60), NOON + timedelta(seconds=65)

    task_id = timed_dock.create_task(startTimestamp=to_iso(start))
    timed_dock.jump(60)
    running = timed_dock.reach(task_id, "inProgress")
    timed_dock.jump(5)
    gate.open()
    done = timed_dock.finish(task_id)

    assert done["status"] == "complete"
    for task, moment in ((running, start), (done, end)):
        assert task["statusChangedTimestamp"] == task["updateTimestamp"] == to_iso(moment)
        assert task["creationTimestamp"] == to_iso(NOON)
        assert task["startTimestamp"] == to_iso(start)


def test_a_task_waits_until_its_start_time_has_come(timed_dock: Dock) -> None:
    timed_dock.deploy(lambda event, runtime: None)
    later = timed_dock.create_task(startTimestamp=to_iso(NOON + timedelta(seconds=60)))

    timed_dock.jump(59.999)
    timed_dock.finish(timed_dock.create_task())
    before = timed_dock.status(later)
    timed_dock.jump(0.001)

    assert before == "new"
    assert timed_dock.finish(later)["status"] == "complete"


def test_a_start_time_that_comes_is_noticed_without_anyone_asking(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: None)
    soon = to_iso(datetime.now(timezone.utc) + timedelta(milliseconds=300))

    task = dock.finish(dock.create_task(startTimestamp=soon))

    assert task["status"] == "complete"


def test_behind_one_place_tasks_start_by_priority_then_start_time_then_creation(
    start_dock: StartDock, clock: ManualClock
) -> None:
    dock, gate, order = start_dock(clock=clock, concurrency=1), Gate(), []

    def handler(event: Any, runtime: FakeRuntime) -> None:
        order.append(event["data"]["name"])
        gate.pass_(runtime)

    dock.deploy(handler)
    dock.create_task(data={"name": "first"})
    dock.eventually(lambda: order)
    early, late = to_iso(NOON - timedelta(hours=2)), to_iso(NOON - timedelta(hours=1))
    for name, priority, start in (
        ("low", -1, early),
        ("late", 0, late),
        ("early 1", 0, early),
        ("early 2", 0, early),
        ("high", 9, late),
    ):
        last = dock.create_task(data={"name": name}, priority=priority, startTimestamp=start)
    gate.open()

    dock.eventually(lambda: len(order) == 6)
    dock.finish(last)
    assert order == ["first", "high", "early 1", "early 2", "late", "low"]


def test_no_more_tasks_run_side_by_side_than_there_are_places(start_dock: StartDock) -> None:
    dock, gate = start_dock(concurrency=3), Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    tasks = [dock.create_task() for _ in range(5)]

    dock.eventually(lambda: gate.waiting == 3)
    statuses = [dock.status(task_id) for task_id in tasks]
    gate.open()

    assert statuses == ["inProgress"] * 3 + ["new"] * 2
    assert [dock.finish(task_id)["status"] for task_id in tasks] == ["complete"] * 5


# Failing


def test_an_error_of_the_function_fails_its_task_with_its_type_and_message(dock: Dock) -> None:
    def handler(event: Any, runtime: FakeRuntime) -> None:
        raise ValueError("a table with three legs")

    dock.deploy(handler)

    task = dock.finish(dock.create_task())

    assert task["status"] == "failed"
    assert task["error"] == {
        "type": "runtime",
        "name": "ValueError",
        "message": "a table with three legs",
    }


def test_a_task_for_an_unknown_function_fails(dock: Dock) -> None:
    task = dock.finish(dock.create_task("nowhere"))

    assert (task["status"], task["error"]["type"]) == ("failed", "invocation")
    assert "nowhere" in task["error"]["message"]


def test_a_task_for_a_disabled_function_fails_until_it_is_enabled(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: None)

    dock.post("/functions/walnut-table/disable")
    refused = dock.finish(dock.create_task())
    dock.post("/functions/walnut-table/enable")
    done = dock.finish(dock.create_task())

    assert (refused["status"], refused["error"]["type"]) == ("failed", "invocation")
    assert "disabled" in refused["error"]["message"]
    assert done["status"] == "complete"


def test_a_task_whose_container_cannot_start_fails_with_the_engines_words(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: None)
    dock.engine.refusal = "no space left on device"

    task = dock.finish(dock.create_task())

    assert (task["status"], task["error"]["type"]) == ("failed", "invocation")
    assert "no space left on device" in task["error"]["message"]
    dock.eventually(lambda: dock.states() == [])
