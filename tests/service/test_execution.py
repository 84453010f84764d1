"""Direct execution over HTTP: the result in the answer, or a refusal that says why."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from taskdock.base import strict_json
from taskdock.testing.fakes.runtime import FakeRuntime
from tests.support.builders import Dock, Gate, Json, StartDock, summary

LARGEST = 6 * 1024 * 1024 + 100  # bytes of an answer


@pytest.mark.parametrize(
    "result", [{"legs": 4}, [1, 2], "ein Nußbaum 🌳", "", 0, 1.5, True, None, {}, [[]]], ids=repr
)
def test_the_result_is_what_the_function_returned(dock: Dock, result: Any) -> None:
    dock.deploy(lambda event, runtime: result)

    response = dock.execute()

    assert response.status_code == 200
    assert response.json()["result"] == result


@pytest.mark.parametrize(
    ("answer", "result"), [(b"plain text", "plain text"), (b"\xff", "\ufffd"), (b"", "")]
)
def test_an_answer_that_is_not_json_is_given_as_text(
    dock: Dock, answer: bytes, result: str
) -> None:
    dock.deploy(lambda event, runtime: runtime.answer(answer))

    assert dock.execute().json()["result"] == result


def test_the_answer_is_the_task_and_the_result_is_not_kept(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: event["data"]["legs"] * 2)

    executed = dock.execute(data={"legs": 4}).json()

    kept = dock.task(executed["id"])
    assert executed == {**kept, "result": 8}
    assert (kept["status"], kept["functionName"]) == ("complete", "walnut-table")
    assert kept["data"] == {"legs": 4}


@pytest.mark.parametrize("body", [b"", b"{}", b'{"data": null}'])
def test_the_body_may_be_left_out(dock: Dock, body: bytes) -> None:
    dock.deploy(lambda event, runtime: event.get("data", "no data"))

    response = dock.call("POST", "/functions/walnut-table/execute", data=body)

    assert response.json()["result"] == "no data"


@pytest.mark.parametrize(("body", "code"), [(b"[]", 22), (b"{", 22), (b'{"data": []}', 15)])
def test_a_body_that_cannot_be_used_is_refused(dock: Dock, body: bytes, code: int) -> None:
    dock.deploy(lambda event, runtime: None)

    response = dock.call("POST", "/functions/walnut-table/execute", data=body)

    assert summary(response) == (400, code)
    assert dock.get("/").json()["page"]["total"] == 0


def test_its_logs_can_be_read(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: runtime.print("sawing"))

    task_id = dock.execute().json()["id"]

    assert [line.split()[0] for line in dock.logs(task_id)] == ["START", "sawing", "END", "REPORT"]


def test_an_execution_does_not_wait_for_the_queue(start_dock: StartDock) -> None:
    dock, gate = start_dock(concurrency=1), Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))
    dock.deploy(lambda event, runtime: "at once", "oak-chair")
    dock.create_task(priority=9)
    dock.eventually(lambda: gate.waiting)
    waiting = dock.create_task(priority=9)

    response = dock.execute("oak-chair")

    assert response.json()["result"] == "at once"
    assert dock.status(waiting) == "new"
    gate.open()


def test_an_execution_can_be_seen_in_progress(dock: Dock) -> None:
    gate = Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))

    with ThreadPoolExecutor() as pool:
        running = pool.submit(dock.execute)
        dock.eventually(lambda: gate.waiting)
        (task,) = dock.get("/").json()["data"]
        gate.open()

    assert task["status"] == "inProgress"
    assert running.result().json()["id"] == task["id"]


# Refusals


def test_too_many_at_once_are_refused_and_leave_no_task(start_dock: StartDock) -> None:
    dock, gate = start_dock(direct_concurrency=2), Gate()
    dock.deploy(lambda event, runtime: gate.pass_(runtime))

    with ThreadPoolExecutor() as pool:
        running = [pool.submit(dock.execute) for _ in range(2)]
        dock.eventually(lambda: gate.waiting == 2)
        refused = dock.execute()
        gate.open()

    assert summary(refused) == (400, 1403)
    assert [future.result().status_code for future in running] == [200, 200]
    assert dock.get("/").json()["page"]["total"] == 2
    assert dock.execute().status_code == 200


def test_a_time_limit_over_30_seconds_is_refused(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: None, timeLimit=31)

    refused = dock.execute()
    dock.put("/functions/walnut-table", {"timeLimit": 30})

    assert summary(refused) == (400, 1404)
    assert dock.execute().status_code == 200


def test_a_disabled_function_is_not_executed(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: None)
    dock.post("/functions/walnut-table/disable")

    response = dock.execute()

    assert summary(response) == (400, 1405)
    assert response.json()["name"] == "LAMBDA_INVOCATION_EXCEPTION"


def test_a_container_that_cannot_start_is_told_and_its_task_fails(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: None)
    dock.engine.refusal = "no space left on device"

    response = dock.execute()

    assert summary(response) == (400, 1405)
    assert "no space left on device" in response.json()["message"]
    (task,) = dock.get("/").json()["data"]
    assert (task["status"], task["error"]["type"]) == ("failed", "invocation")


def test_an_error_of_the_function_is_told_with_its_task(dock: Dock) -> None:
    def handler(event: Any, runtime: FakeRuntime) -> None:
        raise ValueError("a table with three legs")

    dock.deploy(handler)

    response = dock.execute()

    assert summary(response) == (400, 1406)
    error = {"name": "ValueError", "message": "a table with three legs"}
    assert response.json()["runtimeError"] == error
    task = dock.task(response.json()["taskId"])
    assert (task["status"], task["error"]) == ("failed", {"type": "runtime", **error})


@pytest.mark.parametrize(
    ("posted", "name", "message"),
    [
        ({"errorType": "Glue", "errorMessage": "dry"}, "Glue", "dry"),
        ({"errorMessage": "dry"}, "Runtime.Unknown", "dry"),
        ({"errorType": "Glue"}, "Glue", ""),
        ({"errorType": None, "errorMessage": None}, "Runtime.Unknown", ""),
        ({"errorType": ["x"], "errorMessage": {"a": 1}}, "['x']", "{'a': 1}"),
        ("text", "Runtime.Unknown", ""),
        (b"no json", "Runtime.Unknown", ""),
    ],
    ids=str,
)
def test_an_error_in_any_shape_is_told(dock: Dock, posted: Any, name: str, message: str) -> None:
    def handler(event: Any, runtime: FakeRuntime) -> None:
        runtime.post(f"/invocation/{runtime.request_id}/error", posted)

    dock.deploy(handler)

    error = dock.execute().json()["runtimeError"]

    assert error == {"name": name, "message": message}


def test_the_end_of_the_runtime_is_told_in_lambdas_words(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: runtime.exit(3))

    response = dock.execute()

    assert summary(response) == (400, 1406)
    assert response.json()["runtimeError"]["name"] == "Runtime.ExitError"


def test_an_answer_of_6_mb_and_100_bytes_is_the_largest(dock: Dock) -> None:
    statuses: list[int] = []

    def handler(event: Json, runtime: FakeRuntime) -> None:
        filling = event["data"]["size"] - len('""')
        statuses.append(runtime.answer(f'"{"x" * filling}"'.encode()))

    dock.deploy(handler)

    fits = dock.execute(data={"size": LARGEST})
    refused = dock.execute(data={"size": LARGEST + 1})

    assert len(fits.json()["result"]) == LARGEST - 2
    assert summary(refused) == (400, 1406)
    assert refused.json()["runtimeError"]["name"] == "Function.ResponseSizeTooLarge"
    assert str(LARGEST) in refused.json()["runtimeError"]["message"]
    assert statuses == [202, 413]


def test_a_result_that_json_does_not_have_is_answered_in_json(dock: Dock) -> None:
    dock.deploy(lambda event, runtime: {"length": float("nan")})

    response = dock.execute()

    assert strict_json.loads(response.text)["result"] == '{"length": NaN}'
